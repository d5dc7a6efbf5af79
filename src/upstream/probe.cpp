#include <sluice/base/text.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>
#include <sluice/http/proxy_protocol.h>
#include <sluice/net/connector.h>
#include <sluice/upstream/probe.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "upstream/body_search.h"

namespace sluice::upstream {
namespace {

/// One probe under way. Owns itself through `self_` until it has an answer or is cancelled.
class Probe final : private net::Reader {
 public:
  Probe(net::Loop& loop, const Address& backend, std::shared_ptr<const Question> question,
        std::shared_ptr<tls::Session> session)
      : loop_(loop),
        question_(std::move(question)),
        session_(std::move(session)),
        target_(question_->target(backend)),
        preface_(question_->preface(target_, backend)),
        deadline_([this] { time_out(); }),
        pending_([this] { self_.reset(); }) {}

  static Wait start(std::unique_ptr<Probe> self, std::function<void(ProbeResult)> on_result) {
    Probe& probe = *self;
    probe.self_ = std::move(self);
    probe.loop_.deadlines().arm(probe.deadline_, probe.health().timeout);
    probe.connecting_ = net::connect(probe.loop_, probe.target_,
                                     [&probe](auto transport) { probe.on_connected(std::move(transport)); });
    return probe.pending_.wait(std::move(on_result));
  }

 private:
  const config::Health& health() const { return question_->health(); }

  void on_connected(Result<std::unique_ptr<net::Transport>> transport) {
    if (!transport) {
      const bool is_own = transport.error().code == ErrorCode::exhausted;
      return answer({.kind = is_own ? ProbeResult::Kind::not_asked : ProbeResult::Kind::failed,
                     .cause = std::string(transport.error().message)});
    }
    using Type = config::ProbeType;
    if (health().type != Type::tcp && !preface_.empty()) (*transport)->write({&preface_, 1});
    if (health().type == Type::https) return secure(*std::move(transport));
    transport_ = *std::move(transport);
    health().type == Type::tcp ? pass() : ask();
  }

  void secure(std::unique_ptr<net::Transport> plain) {
    if (!question_->trust()) return fail(question_->trust().error().message);
    const tls::Server server{.name = question_->server_name(target_), .session = session_};
    plain->reset_on_close();  // As in answer(), however the handshake ends.
    connecting_ = tls::secure(loop_, *question_->trust(), std::move(plain), server, [this](auto secured) {
      if (!secured) return fail(std::string(secured.error().message));
      transport_ = *std::move(secured);
      ask();
    });
  }

  void ask() {
    const std::string own_host = target_.is_local() ? "localhost" : target_.text();
    const std::array<std::string_view, 3> pieces = {
        question_->before_host(), health().host.empty() ? own_host : health().host, question_->behind_host()};
    transport_->write(pieces);
    transport_->start_reading(*this);
  }

  void on_bytes(std::string_view bytes) override {
    if (search_) return look(bytes);
    while (!bytes.empty()) {
      const auto progress = decoder_.decode(bytes, head_, false);
      if (!progress) return fail("malformed answer: " + progress.error().message);
      if (!progress->complete) return;
      bytes.remove_prefix(progress->used);
      if (!head_.is_interim()) return judge(bytes);
      head_.clear();
    }
  }

  void on_end(Result<void> how) override {
    if (!how) return fail(std::string(how.error().message));
    if (!search_) return fail("closed without an answer");
    if (!body_.may_end_here()) return fail("closed in the middle of the body");
    miss("");
  }

  /// By the head; `rest` came behind it.
  void judge(std::string_view rest) {
    const std::string status = "status " + std::to_string(head_.status);
    if (head_.status == 503) return answer({.kind = ProbeResult::Kind::draining, .cause = status});
    if (!config::is_expected(health().expect, head_.status)) return fail(status);
    if (health().body.empty()) return pass();
    body_.begin(head_.framing);
    search_.emplace(health().body);
    look(rest);
  }

  /// By the body, as much of it as has come.
  void look(std::string_view bytes) {
    while (!bytes.empty() && !body_.is_complete()) {
      const auto piece = body_.next(bytes);
      if (!piece) return fail("malformed body: " + piece.error().message);
      if (search_->feed(piece->data)) return pass();
      if (search_->is_over()) return miss(" in its first 64 KiB");
      bytes.remove_prefix(piece->used);
    }
    if (body_.is_complete()) miss("");
  }

  void miss(std::string_view where) { fail(concat({"the body has no \"", health().body, "\"", where})); }
  void time_out() { fail("timed out after " + std::to_string(health().timeout.count()) + "ms"); }
  void pass() { answer({.kind = ProbeResult::Kind::passed, .cause = ""}); }
  void fail(std::string cause) { answer({.kind = ProbeResult::Kind::failed, .cause = std::move(cause)}); }

  void answer(ProbeResult result) {
    const auto self = std::move(self_);  // Lives to the end of this call.
    // All that we want to know is known. A reset leaves nothing behind, where thousands of connections that
    // are closed in order each second would fill the kernel's tables with ones in TIME_WAIT.
    if (transport_) transport_->reset_on_close();
    transport_.reset();
    deadline_.disarm();
    pending_.fire(std::move(result));
  }

  net::Loop& loop_;
  std::shared_ptr<const Question> question_;
  std::shared_ptr<tls::Session> session_;
  Address target_;
  std::string_view preface_;
  Deadline deadline_;
  Wait connecting_;
  std::unique_ptr<net::Transport> transport_;
  http::HeadDecoder decoder_{http::HeadDecoder::Of::response, {}};
  http::ResponseHead head_;
  http::BodyDecoder body_;
  std::optional<BodySearch> search_;  // once the body counts
  Pending<ProbeResult> pending_;
  std::unique_ptr<Probe> self_;
};

bool has_user_agent(const config::Health& health) {
  return std::ranges::any_of(
      health.headers, [](const auto& field) { return equals_ignoring_case(field.first, "User-Agent"); });
}

/// Nobody's connection but ours: what the protocol has for checks of health.
std::string preface_of(config::ProxyProtocol version) {
  const Address nobody = Address::local("");
  if (version == config::ProxyProtocol::v1) return http::proxy_header_v1(nobody, nobody);
  return version == config::ProxyProtocol::v2 ? http::proxy_header_v2(nobody, nobody) : std::string();
}

/// Made for https alone: to read the system's authorities takes a while.
Result<std::shared_ptr<const tls::ClientContext>> trust_of(const config::Health& health) {
  if (health.type != config::ProbeType::https) return std::shared_ptr<const tls::ClientContext>();
  return tls::ClientContext::make({.verify = health.tls.verify, .authorities = health.tls.ca});
}

/// Without the port, and without the brackets of IPv6.
std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.find(':')));
}

}  // namespace

Question::Question(config::Health health, config::ProxyProtocol proxy_protocol)
    : health_(std::move(health)),
      proxy_protocol_(proxy_protocol),
      preface_(preface_of(proxy_protocol)),
      before_host_(concat({"GET ", health_.path, " HTTP/1.1\r\nHost: "})),
      trust_(trust_of(health_)) {
  behind_host_ = has_user_agent(health_) ? "\r\n" : "\r\nUser-Agent: sluice-probe\r\n";
  for (const auto& [name, value] : health_.headers) behind_host_ += concat({name, ": ", value, "\r\n"});
  behind_host_ += "Connection: close\r\n\r\n";
}

Address Question::target(const Address& backend) const {
  return health_.port == 0 || backend.is_local() ? backend : backend.with_port(health_.port);
}

std::string Question::server_name(const Address& target) const {
  if (!health_.tls.server_name.empty()) return health_.tls.server_name;
  if (!health_.host.empty()) return to_lower(host_of(health_.host));
  return target.is_local() ? std::string() : target.ip_text();
}

Wait probe(net::Loop& loop, const Address& backend, std::shared_ptr<const Question> question,
           std::shared_ptr<tls::Session> session, std::function<void(ProbeResult)> on_result) {
  return Probe::start(std::make_unique<Probe>(loop, backend, std::move(question), std::move(session)),
                      std::move(on_result));
}

}  // namespace sluice::upstream
