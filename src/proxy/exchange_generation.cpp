// An exchange and its generation: what it is told as when it holds one up, and how it goes on when the
// generation's time is over.
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>

#include <utility>

namespace sluice::proxy {

namespace {

constexpr size_t kMostOfARequest = 120;

}  // namespace

const config::Config& Exchange::config() const {
  return generation_->shared->config();
}

void Exchange::outlive_generation(LocalGeneration& newest, unsigned worker) {
  keep_rules();
  generation_ = &newest;
  newest.inside.push_back(*this);
  pass_ = newest.shared->gate(worker).enter();
}

/// The route is the old generation's, which goes.
void Exchange::keep_rules() {
  if (route_ == nullptr || kept_rules_) return;
  kept_rules_ = std::make_unique<KeptRules>(*route_, rules_ == nullptr ? RouteRules() : *rules_);
  route_ = &kept_rules_->route;
  rules_ = &kept_rules_->rules;
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
