#include <sluice/base/text.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/connector.h>
#include <sluice/upstream/probe.h>

#include <array>
#include <memory>
#include <utility>

namespace sluice::upstream {
namespace {

/// One probe under way. Owns itself through `self_` until it has an answer or is cancelled.
class Probe final : private net::Reader {
 public:
  Probe(net::Loop& loop, const Address& address, const config::Health& health)
      : loop_(loop),
        health_(health),
        authority_(address.is_local() ? "localhost" : address.text()),
        deadline_([this] { fail("timed out after " + std::to_string(health_.timeout.count()) + "ms"); }),
        pending_([this] { self_.reset(); }) {}

  static Wait start(std::unique_ptr<Probe> self, const Address& address,
                    std::function<void(ProbeResult)> on_result) {
    Probe& probe = *self;
    probe.self_ = std::move(self);
    probe.loop_.deadlines().arm(probe.deadline_, probe.health_.timeout);
    probe.connecting_ = net::connect(probe.loop_, address,
                                     [&probe](auto transport) { probe.on_connected(std::move(transport)); });
    return probe.pending_.wait(std::move(on_result));
  }

 private:
  void on_connected(Result<std::unique_ptr<net::Transport>> transport) {
    if (!transport) return fail(std::string(transport.error().message));
    transport_ = *std::move(transport);
    const std::string request = concat({"GET ", health_.path, " HTTP/1.1\r\nHost: ", authority_,
                                        "\r\nUser-Agent: sluice-probe\r\nConnection: close\r\n\r\n"});
    const std::array<std::string_view, 1> pieces = {request};
    transport_->write(pieces);
    transport_->start_reading(*this);
  }

  void on_bytes(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto progress = decoder_.decode(bytes, head_, false);
      if (!progress) return fail("malformed answer: " + progress.error().message);
      if (!progress->complete) return;
      if (!head_.is_interim()) return judge();
      head_.clear();
      bytes.remove_prefix(progress->used);
    }
  }

  void on_end(Result<void> how) override {
    fail(how ? "closed without an answer" : std::string(how.error().message));
  }

  void judge() {
    if (head_.status == health_.expect) return answer({.kind = ProbeResult::Kind::passed, .cause = ""});
    const std::string cause = "status " + std::to_string(head_.status);
    if (head_.status == 503) return answer({.kind = ProbeResult::Kind::draining, .cause = cause});
    fail(cause);
  }

  void fail(std::string cause) { answer({.kind = ProbeResult::Kind::failed, .cause = std::move(cause)}); }

  void answer(ProbeResult result) {
    const auto self = std::move(self_);  // Lives to the end of this call.
    transport_.reset();
    deadline_.disarm();
    pending_.fire(std::move(result));
  }

  net::Loop& loop_;
  config::Health health_;
  std::string authority_;
  Deadline deadline_;
  Wait connecting_;
  std::unique_ptr<net::Transport> transport_;
  http::HeadDecoder decoder_{http::HeadDecoder::Of::response, {}};
  http::ResponseHead head_;
  Pending<ProbeResult> pending_;
  std::unique_ptr<Probe> self_;
};

}  // namespace

Wait probe(net::Loop& loop, const Address& address, const config::Health& health,
           std::function<void(ProbeResult)> on_result) {
  return Probe::start(std::make_unique<Probe>(loop, address, health), address, std::move(on_result));
}

}  // namespace sluice::upstream
