// An exchange and its generation: what it is told as when it holds one up, and how it goes on, or ends, when
// the generation's time is over.
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>

#include <utility>

#include "proxy/answers.h"

namespace sluice::proxy {

using observe::Cause;

namespace {

constexpr size_t kMostOfARequest = 120;

}  // namespace

const config::Config& Exchange::config() const {
  return generation_->shared->config();
}

/// First it moves, so that the old generation is free whatever comes of the rest.
void Exchange::outlive_generation(LocalGeneration& newest, unsigned worker) {
  keep_rules();
  generation_ = &newest;
  newest.inside.push_back(*this);
  pass_ = newest.shared->gate(worker).enter();
  if (stands_still()) return end_unfinished();
  watch_for_movement();
}

/// The route is the old generation's, which goes.
void Exchange::keep_rules() {
  if (route_ == nullptr || kept_rules_) return;
  kept_rules_ = std::make_unique<KeptRules>(*route_, rules_ == nullptr ? RouteRules() : *rules_);
  route_ = &kept_rules_->route;
  rules_ = &kept_rules_->rules;
}

/// It waits for its backend, or for one, and that has brought nothing. A client that keeps us waiting has
/// bounds of its own, and so has a tunnel.
bool Exchange::stands_still() const {
  if (is_tunnel_) return false;
  if (!lease_) return !client_->is_committed();  // In the queue; else its last bytes are leaving.
  return sent_ + received_ == moved_before_ && !waits_for_client();
}

void Exchange::end_unfinished() {
  if (client_->is_committed()) return over(Cause::drain_timeout, Ending::abort);
  client_->take_back_head();
  const bool was_asked = upstream_ != nullptr;
  reply(was_asked ? Cause::drain_timeout : Cause::drain_timeout_queued);
}

Holder Exchange::as_holder() const {
  const auto& request = client_->request();
  std::string what = concat({request.method(), " ", request.path()});
  if (what.size() > kMostOfARequest) what = what.substr(0, kMostOfARequest) + "...";
  return {.client = client_->client().ip,
          .request = std::move(what),
          .pool = pool_ ? pool_->name() : std::string(),
          .backend = lease_ ? lease_->backend().address().text() : std::string(),
          .doing = doing(),
          .age = context_->deadlines.clock().now() - started_};
}

std::string_view Exchange::doing() const {
  if (is_tunnel_) return "tunnel";
  if (client_->is_committed()) return "response";
  if (!lease_) return "queued";
  if (!upstream_) return "connecting";
  return upload_.is_running() ? "upload" : "waiting";
}

}  // namespace sluice::proxy
