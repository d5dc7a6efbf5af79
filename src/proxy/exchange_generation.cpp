// An exchange and its generation: what reports show of it while it is inside, and how it goes on when the
// generation's time is over.
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>

#include <utility>

#include "proxy/hedge.h"
#include "proxy/partial_post.h"

namespace sluice::proxy {

namespace {

constexpr size_t kMostOfARequest = 120;

}  // namespace

const config::Config& Exchange::config() const {
  return flight_.config();
}

void Exchange::outlive_generation(LocalGeneration& newest, unsigned worker) {
  newest.inside.push_back(*this);
  flight_.outlive_generation(newest, worker);
}

InFlightInfo Exchange::info() const {
  const auto& request = flight_.client->request();
  std::string what = concat({request.method(), " ", request.path()});
  if (what.size() > kMostOfARequest) what = what.substr(0, kMostOfARequest) + "...";
  return {.client = flight_.client->client().ip,
          .request = std::move(what),
          .pool = flight_.pool ? flight_.pool->name() : std::string(),
          .backend = lease_ ? lease_->backend().address().text() : std::string(),
          .phase = phase(),
          .age = flight_.context->deadlines.clock().now() - flight_.started,
          .route = flight_.route != nullptr ? flight_.route->name : std::string(),
          .cut_in = time_left()};
}

bool Exchange::is_at(const upstream::BackendState& backend) const {
  const auto leads_there = [&](const upstream::Lease& lease) {
    return lease.backend().state().get() == &backend;
  };
  return (lease_ && leads_there(*lease_)) || (hedge_ && hedge_->lease && leads_there(*hedge_->lease)) ||
         (partial_ && leads_there(partial_->lease));
}

std::string_view Exchange::phase() const {
  if (is_tunnel_) return "tunnel";
  if (flight_.client->is_committed()) return "response";
  if (!lease_) return "queued";
  if (!upstream_) return "connecting";
  return upload_.is_running() ? "upload" : "waiting";
}

}  // namespace sluice::proxy
