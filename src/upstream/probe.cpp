#include <sluice/base/text.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>
#include <sluice/http/lookup.h>
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

/// The most that can be set for responses: no probe finds a backend down for a head that clients could get.
constexpr http::HeadLimits kProbeLimits{.bytes = size_t{16} * 1024 * 1024, .fields = 10'000};

/// The most of an answer that is read once the verdict is known: as much as is read of a head.
constexpr size_t kMostLingering = kProbeLimits.bytes;

/// For a backend to close the connection behind the end of its answer. Most do so at once.
constexpr Duration kGrace{100};

/// One probe under way. Owns itself through `self_` until it has its verdict or is cancelled. From then on
/// `lingering` owns it, when there is a connection that the backend has not closed yet.
class Probe final : public Lingering::Connection, private net::Reader {
 public:
  Probe(net::Loop& loop, Lingering& lingering, const Address& backend,
        std::shared_ptr<const ProbeSpec> question, std::shared_ptr<tls::Session> session)
      : loop_(loop),
        lingering_(lingering),
        spec_(std::move(question)),
        session_(std::move(session)),
        target_(spec_->target(backend)),
        preface_(spec_->preface(target_, backend)),
        deadline_([this] { time_out(); }),
        grace_([this] { close(); }),
        pending_([this] { leave(); }) {}

  static Wait start(std::unique_ptr<Probe> self, std::function<void(ProbeResult)> on_result) {
    Probe& probe = *self;
    probe.self_ = std::move(self);
    probe.loop_.deadlines().arm(probe.deadline_, probe.health().timeout);
    probe.connecting_ = net::connect(probe.loop_, probe.target_,
                                     [&probe](auto transport) { probe.on_connected(std::move(transport)); });
    return probe.pending_.wait(std::move(on_result));
  }

  void reset_on_close() override { transport_->reset_on_close(); }

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
    transport_ = *std::move(transport);
    if (health().type != Type::tcp) return ask();
    // No answer comes, after which the backend would close first: an orderly close would leave one more
    // connection in TIME_WAIT here, for each probe.
    transport_->reset_on_close();
    answer(passed());
  }

  void secure(std::unique_ptr<net::Transport> plain) {
    if (!spec_->trust()) return fail(spec_->trust().error().message);
    const tls::Peer server{.name = spec_->server_name(target_), .session = session_};
    connecting_ = tls::secure(loop_, *spec_->trust(), std::move(plain), server, [this](auto secured) {
      if (!secured) return fail(std::string(secured.error().message));
      transport_ = *std::move(secured);
      ask();
    });
  }

  void ask() {
    const std::string own_host = target_.is_local() ? "localhost" : target_.text();
    const std::array<std::string_view, 3> pieces = {
        spec_->before_host(), health().host.empty() ? own_host : health().host, spec_->behind_host()};
    is_asked_ = true;
    transport_->write(pieces);
    transport_->start_reading(*this);
  }

  void on_bytes(std::string_view bytes) override {
    read(bytes);
    if (lingers_) return go_on_lingering(bytes.size());
    if (verdict_) answer(*std::move(verdict_));
  }

  void on_end(Result<void> how) override {
    if (how) transport_->shutdown();  // Within TLS its own end is answered, too.
    if (lingers_) return lingering_.remove(*this);
    has_ended_ = true;
    if (!how) return fail(std::string(how.error().message));
    if (!search_) return fail("closed without an answer");
    if (!body_.may_end_here()) return fail("closed in the middle of the body");
    fail(missing(""));
  }

  /// All of it, whatever the verdict: where the answer ends counts behind it, too.
  void read(std::string_view bytes) {
    while (!has_head_ && !is_malformed_ && !bytes.empty()) {
      const auto progress = decoder_.decode(bytes, head_, false);
      if (!progress) return malformed("answer", progress.error());
      if (!progress->complete) return;
      bytes.remove_prefix(progress->used);
      head_.is_interim() ? head_.clear() : judge_head();
    }
    if (!has_head_ || is_malformed_) return;
    while (!bytes.empty() && !body_.is_complete()) {
      const auto piece = body_.next(bytes);
      if (!piece) return malformed("body", piece.error());
      if (search_) look_at(piece->data);
      bytes.remove_prefix(piece->used);
    }
    if (search_ && body_.is_complete()) decide(failed(missing("")));
  }

  void malformed(std::string_view what, const Error& error) {
    is_malformed_ = true;
    decide(failed(concat({"malformed ", what, ": ", error.message})));
  }

  void judge_head() {
    has_head_ = true;
    body_.begin(head_.framing, http::BodyDecoder::From::backend);
    const std::string status = std::to_string(head_.status);
    if (head_.status == 503) return decide({.kind = ProbeResult::Kind::draining, .cause = status});
    if (!config::is_expected(health().expect, head_.status)) {
      return decide(failed(concat({status, ", expected ", config::expect_text(health().expect)})));
    }
    if (health().body.empty()) return decide(passed());
    search_.emplace(health().body);
  }

  void look_at(std::string_view piece) {
    if (search_->feed(piece)) return decide(passed());
    if (search_->is_over()) decide(failed(missing(" in its first 64 KiB")));
  }

  /// The first verdict counts.
  void decide(ProbeResult result) {
    search_.reset();
    if (!verdict_) verdict_ = std::move(result);
  }

  std::string missing(std::string_view where) const {
    return concat({"the body has no \"", health().body, "\"", where});
  }
  static ProbeResult passed() { return {.kind = ProbeResult::Kind::passed, .cause = ""}; }
  static ProbeResult failed(std::string cause) {
    return {.kind = ProbeResult::Kind::failed, .cause = std::move(cause)};
  }
  void fail(std::string cause) { answer(failed(std::move(cause))); }

  void time_out() {
    if (lingers_) return close();
    if (transport_) reset_on_close();
    has_ended_ = true;
    fail("timed out after " + std::to_string(health().timeout.count()) + "ms");
  }

  void answer(ProbeResult result) {
    if (is_asked_ && !result.cause.empty()) {
      result.cause = concat({"GET ", health().path, ": ", result.cause});
    }
    const auto self = leave();
    pending_.fire(std::move(result));
  }

  /// The verdict is known, or its Wait was dropped. A service that is still writing logs a broken connection
  /// if it is reset now, at every probe. So the rest of the answer is read until the backend closes, as
  /// `Connection: close` asks it to (RFC 9112 9.6). By closing first it also has the connection's TIME_WAIT:
  /// those of thousands of probes a second would fill our tables. One that is still writing at the end of the
  /// timeout is reset. Returns itself when there is nothing to wait for.
  std::unique_ptr<Probe> leave() {
    if (!is_asked_ || has_ended_) return std::move(self_);
    lingers_ = true;
    lingering_.add(std::move(self_));
    close_if_whole();
    return nullptr;
  }

  void go_on_lingering(size_t count) {
    lingered_bytes_ += count;
    if (lingered_bytes_ <= kMostLingering) return close_if_whole();
    reset_on_close();
    lingering_.remove(*this);
  }

  /// A backend that keeps the connection all the same has nothing to say on it: we close first, and in order.
  void close_if_whole() {
    if (is_whole() && !grace_.is_armed()) loop_.deadlines().arm(grace_, kGrace);
  }
  bool is_whole() const { return has_head_ && !is_malformed_ && body_.is_complete(); }

  /// Before the backend has.
  void close() {
    is_whole() ? transport_->shutdown() : reset_on_close();
    lingering_.remove(*this);
  }

  net::Loop& loop_;
  Lingering& lingering_;
  std::shared_ptr<const ProbeSpec> spec_;
  std::shared_ptr<tls::Session> session_;
  Address target_;
  std::string_view preface_;
  Deadline deadline_;
  Deadline grace_;
  Wait connecting_;
  std::unique_ptr<net::Transport> transport_;
  http::HeadDecoder decoder_{http::HeadDecoder::Of::response, kProbeLimits};
  http::ResponseHead head_;
  http::BodyDecoder body_;
  std::optional<BodySearch> search_;  // while the body counts
  Pending<ProbeResult> pending_;
  std::unique_ptr<Probe> self_;
  std::optional<ProbeResult> verdict_;
  size_t lingered_bytes_ = 0;
  bool is_asked_ = false;
  bool has_head_ = false;
  bool is_malformed_ = false;
  bool has_ended_ = false;  // nothing comes any more, or has to
  bool lingers_ = false;
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

Wait probe(net::Loop& loop, Lingering& lingering, const Address& backend,
           std::shared_ptr<const ProbeSpec> question, std::shared_ptr<tls::Session> session,
           std::function<void(ProbeResult)> on_result) {
  return Probe::start(
      std::make_unique<Probe>(loop, lingering, backend, std::move(question), std::move(session)),
      std::move(on_result));
}

}  // namespace sluice::upstream
