// What the tests of probes ask: an origin on the same loop that answers every connection alike.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/net/loop.h>
#include <sluice/upstream/probe.h>

#include <sys/resource.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {

constexpr Duration kLong{10'000};  // nothing that works takes this long

/// Of a service that takes a moment to close; well below the time that a probe leaves it.
constexpr Duration kLate{20};

/// Answers each connection, once a whole head has come, with `pieces`, one a turn of the loop.
class Origin {
 public:
  enum class Then { wait, close, close_late };
  enum class Answers { requests, anything };

  Origin(net::Loop& loop, std::vector<std::string> pieces, Then then = Then::wait,
         Answers answers = Answers::requests)
      : loop_(loop),
        answers_(answers),
        pieces_(std::move(pieces)),
        then_(then),
        socket_(*net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone)),
        acceptor_(loop.accept(
            socket_, [this](auto transport) { visitors_.emplace_back(*this, std::move(transport)); })) {}

  /// From the next visitor on.
  void answer(const std::string& answer) { pieces_ = {answer}; }
  const Address& address() const { return socket_.address(); }
  /// Of the last visitor.
  const std::string& request() const { return visitors_.back().request; }
  size_t visitors() const { return visitors_.size(); }
  /// How the last visitor's connection ended: "in order" or the error; empty before.
  const std::string& end() const { return visitors_.back().end; }
  /// It has ended its direction of the last visitor's connection before the visitor did.
  bool closed_first() const { return visitors_.back().closed_first; }
  /// All pieces have left.
  bool has_sent_all() const { return visitors_.back().sent == pieces_.size(); }

 private:
  struct Visitor final : net::Reader {
    Visitor(Origin& the_origin, std::unique_ptr<net::Transport> the_transport)
        : origin(the_origin), transport(std::move(the_transport)) {
      transport->start_reading(*this);
    }
    void on_bytes(std::string_view bytes) override {
      request += bytes;
      if (request.ends_with("\r\n\r\n") || origin.answers_ == Answers::anything) answer();
    }
    void on_end(Result<void> how) override {
      // A reset is reported once: to a write that was under way, after which the end looks like one in order.
      const bool was_reset = how && !closed_first && transport->has_broken();
      end = was_reset ? "connection reset by peer" : how ? "in order" : std::string(how.error().message);
      transport.reset();
    }
    void answer() {
      if (transport == nullptr) return;
      if (sent == origin.pieces_.size()) {
        if (origin.then_ == Then::wait) return;
        closed_first = true;
        return transport->shutdown();
      }
      const std::string_view piece = origin.pieces_[sent++];
      transport->write({&piece, 1});
      const bool is_late = origin.then_ == Then::close_late && sent == origin.pieces_.size();
      origin.loop_.deadlines().arm(next, is_late ? kLate : Duration{1});
    }

    Origin& origin;
    std::unique_ptr<net::Transport> transport;
    std::string request;
    std::string end;
    size_t sent = 0;
    bool closed_first = false;
    Deadline next{[this] { answer(); }};
  };

  net::Loop& loop_;
  Answers answers_;
  std::vector<std::string> pieces_;
  Then then_;
  net::ListeningSocket socket_;
  std::list<Visitor> visitors_;
  std::unique_ptr<net::Acceptor> acceptor_;
};

/// While it lives this process can open nothing.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{0, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

/// Its result as words: "passed", "draining: status 503", "failed: refused".
inline std::string ask(net::Loop& loop, Lingering& lingering, const Address& backend, config::Health health,
                       config::ProxyProtocol proxy_protocol = config::ProxyProtocol::none) {
  std::optional<ProbeResult> result;
  const auto question = std::make_shared<const ProbeSpec>(std::move(health), proxy_protocol);
  const Wait wait =
      probe(loop, lingering, backend, question, nullptr, [&](ProbeResult got) { result = std::move(got); });
  REQUIRE_FALSE(result);
  REQUIRE(loop.run_until([&] { return result.has_value(); }, kLong));
  using Kind = ProbeResult::Kind;
  if (result->kind == Kind::passed) return "passed";
  if (result->kind == Kind::not_asked) return "not asked: " + result->cause;
  return (result->kind == Kind::draining ? "draining: " : "failed: ") + result->cause;
}
inline std::string ask(net::Loop& loop, const Address& backend, config::Health health,
                       config::ProxyProtocol proxy_protocol = config::ProxyProtocol::none) {
  Lingering lingering;
  return ask(loop, lingering, backend, std::move(health), proxy_protocol);
}

}  // namespace sluice::upstream
