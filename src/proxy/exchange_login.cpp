// Which connection an attempt uses: one that speaks for its client alone when there is one, and never one
// that speaks for another client.
#include <sluice/http/connection_login.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/login_connections.h"

namespace sluice::proxy {

/// A client that has logged in at one side of a split stays there.
const WeightedTarget* Exchange::target_of_login(const WeightedTargets& ways) const {
  if (logins_ == nullptr || logins_->is_empty()) return nullptr;
  const auto found = std::ranges::find_if(
      ways, [&](const WeightedTarget& way) { return logins_->backend_in(*way.pool) != nullptr; });
  return found == ways.end() ? nullptr : &*found;
}

upstream::PickRequest Exchange::ask() const {
  const bool may_have_login = logins_ != nullptr && !logins_->is_empty();
  return {.tried = tried_,
          .key = key_,
          .untried_only = !flight_.refused.empty(),
          .only = may_have_login ? logins_->backend_in(*flight_.pool) : nullptr};
}

void Exchange::login_ended() {
  if (flight_.trace.is_waiting() && logins_->backend_in(*flight_.pool) == nullptr) queue_entry_.take_any();
}

/// Takes an open connection; when there is none, one has to be dialled.
void Exchange::take_connection() {
  using Send = LoginConnections::Send;
  upstream::Backend& backend = lease_->backend();
  // A request that may be sent only once, from here on, must not be lost to a connection that its backend was
  // about to close.
  const bool may_fail = may_replay_ && body_.is_replayable() &&
                        flight_.attempts < flight_.settings->retry.attempts &&
                        surely_fits(flight_.client->request().framing, flight_.settings->retry);
  if (logins_ != nullptr && !logins_->is_empty()) {
    upstream_ = logins_->take(*flight_.pool, backend, may_fail ? Send::again : Send::once);
  }
  is_clients_own_ = upstream_ != nullptr;
  if (upstream_ || fresh_only_ || flight_.settings->proxy_protocol != config::ProxyProtocol::none) return;
  upstream_ = may_fail ? backend.take_idle() : backend.take_trusted(flight_.settings->retry.trust_idle);
}

/// Another client's request on this attempt's connection could be taken for this client's.
bool Exchange::is_clients_alone() const {
  return is_clients_own_ || logs_in_ || http::asks_for_connection_login(*response_);
}

/// Without a client connection to keep it at, it is closed.
void Exchange::keep_for_client() {
  if (logins_ == nullptr || !flight_.settings->keep_alive) return;
  logins_->keep(flight_.pool, lease_->shared_backend(), std::move(upstream_),
                flight_.settings->timeouts.idle);
}

}  // namespace sluice::proxy
