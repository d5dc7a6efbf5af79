#include <sluice/base/text.h>
#include <sluice/http/head_decoder.h>
#include <sluice/http/lookup.h>
#include <sluice/http/proxy_protocol.h>
#include <sluice/upstream/probe.h>
#include <sluice/wire/fetch.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "upstream/body_search.h"

namespace sluice::upstream {
namespace {

/// The most that can be set for responses: no probe finds a backend down for a head that clients could get.
constexpr http::HeadLimits kProbeLimits{.bytes = size_t{16} * 1024 * 1024, .fields = 10'000};

/// One probe under way. Owns itself until it has its verdict or is cancelled. Its fetch leaves the connection
/// to `lingering` then, when the backend may still be writing.
class Probe final : private wire::FetchHandler {
 public:
  Probe(net::Network& network, Lingering& lingering, const Address& backend,
        std::shared_ptr<const ProbeSpec> question, std::shared_ptr<tls::Session> session)
      : network_(network),
        spec_(std::move(question)),
        session_(std::move(session)),
        target_(spec_->target(backend)),
        preface_(spec_->preface(target_, backend)),
        fetch_(network.executor().deadlines(), lingering, {.time = health().timeout, .head = kProbeLimits},
               *this),
        pending_([this] { const auto self = std::move(self_); }) {}

  static Wait start(std::unique_ptr<Probe> self, std::function<void(ProbeResult)> on_result) {
    Probe& probe = *self;
    probe.self_ = std::move(self);
    probe.connecting_ = probe.network_.connect(
        probe.target_, [&probe](auto transport) { probe.on_connected(std::move(transport)); });
    return probe.pending_.wait(std::move(on_result));
  }

 private:
  const config::Health& health() const { return spec_->health(); }

  void on_connected(Result<std::unique_ptr<net::Transport>> transport) {
    if (!transport) {
      const bool is_own = transport.error().code == ErrorCode::exhausted;
      return answer({.kind = is_own ? ProbeResult::Kind::not_asked : ProbeResult::Kind::failed,
                     .cause = std::string(transport.error().message)});
    }
    using Type = config::ProbeType;
    if (health().type != Type::tcp && !preface_.empty()) (*transport)->write({&preface_, 1});
    if (health().type == Type::https) return secure(*std::move(transport));
    if (health().type != Type::tcp) return ask(*std::move(transport));
    // No answer comes, after which the backend would close first: an orderly close would leave one more
    // connection in TIME_WAIT here, for each probe.
    (*transport)->reset_on_close();
    answer(passed());
  }

  void secure(std::unique_ptr<net::Transport> plain) {
    if (!spec_->trust()) return fail(spec_->trust().error().message);
    const tls::Peer server{.name = spec_->server_name(target_), .session = session_};
    connecting_ = tls::secure(network_, *spec_->trust(), std::move(plain), server, [this](auto secured) {
      if (!secured) return fail(std::string(secured.error().message));
      ask(*std::move(secured));
    });
  }

  void ask(std::unique_ptr<net::Transport> transport) {
    const std::string own_host = target_.is_local() ? "localhost" : target_.text();
    const std::array<std::string_view, 3> request = {
        spec_->before_host(), health().host.empty() ? own_host : health().host, spec_->behind_host()};
    is_asked_ = true;
    fetch_.start(std::move(transport), request);
  }

  void on_head(const http::ResponseHead& head) override {
    const std::string status = std::to_string(head.status);
    if (head.status == 503) return answer({.kind = ProbeResult::Kind::draining, .cause = status});
    if (!config::is_expected(health().expect, head.status)) {
      return fail(concat({status, ", expected ", config::expect_text(health().expect)}));
    }
    if (health().body.empty()) return answer(passed());
    search_.emplace(health().body);
  }

  void on_body(std::string_view piece) override {
    if (search_->feed(piece)) return answer(passed());
    if (search_->is_over()) fail(missing(" in its first 64 KiB"));
  }

  void on_end(Result<void> how) override { fail(how ? missing("") : std::move(how).error().message); }

  std::string missing(std::string_view where) const {
    return concat({"the body has no \"", health().body, "\"", where});
  }
  static ProbeResult passed() { return {.kind = ProbeResult::Kind::passed, .cause = ""}; }
  void fail(std::string cause) { answer({.kind = ProbeResult::Kind::failed, .cause = std::move(cause)}); }

  /// The first verdict counts, and nothing of the answer is looked at behind it.
  void answer(ProbeResult result) {
    if (is_asked_ && !result.cause.empty()) {
      result.cause = concat({"GET ", health().path, ": ", result.cause});
    }
    const auto self = std::move(self_);
    fetch_.stop();
    pending_.fire(std::move(result));
  }

  net::Network& network_;
  std::shared_ptr<const ProbeSpec> spec_;
  std::shared_ptr<tls::Session> session_;
  Address target_;
  std::string_view preface_;
  wire::Fetch fetch_;  // its time bounds connecting, too
  Wait connecting_;
  std::optional<BodySearch> search_;  // while the body counts
  Pending<ProbeResult> pending_;
  std::unique_ptr<Probe> self_;
  bool is_asked_ = false;
};

bool has_user_agent(const config::Health& health) {
  return std::ranges::any_of(
      health.headers, [](const auto& field) { return equals_ignoring_case(field.first, "User-Agent"); });
}

/// For a connection that speaks for no client: what the protocol has for checks of health.
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

}  // namespace

ProbeSpec::ProbeSpec(config::Health health, config::ProxyProtocol proxy_protocol)
    : health_(std::move(health)),
      proxy_protocol_(proxy_protocol),
      preface_(preface_of(proxy_protocol)),
      before_host_(concat({"GET ", health_.path, " HTTP/1.1\r\nHost: "})),
      trust_(trust_of(health_)) {
  http::FieldList fields;
  if (!has_user_agent(health_)) fields.add("User-Agent", "sluice-probe");
  for (const auto& [name, value] : health_.headers) fields.add(name, value);
  fields.add("Connection", "close");
  behind_host_ = concat({"\r\n", fields.lines(), "\r\n"});
}

Address ProbeSpec::target(const Address& backend) const {
  return health_.port == 0 || backend.is_local() ? backend : backend.with_port(health_.port);
}

std::string ProbeSpec::server_name(const Address& target) const {
  if (!health_.tls.server_name.empty()) return health_.tls.server_name;
  if (!health_.host.empty()) return to_lower(http::bare_host(health_.host));
  return target.is_local() ? std::string() : target.ip_text();
}

Wait probe(net::Network& network, Lingering& lingering, const Address& backend,
           std::shared_ptr<const ProbeSpec> question, std::shared_ptr<tls::Session> session,
           std::function<void(ProbeResult)> on_result) {
  return Probe::start(
      std::make_unique<Probe>(network, lingering, backend, std::move(question), std::move(session)),
      std::move(on_result));
}

}  // namespace sluice::upstream
