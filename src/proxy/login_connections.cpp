#include "proxy/login_connections.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr size_t kMaxKept = 8;  // pools that one client logs in to

}  // namespace

LoginConnections::Kept* LoginConnections::in(const upstream::Pool& pool) const {
  const auto found = std::ranges::find_if(kept_, [&](const auto& kept) { return kept->pool.get() == &pool; });
  return found == kept_.end() ? nullptr : found->get();
}

const upstream::Backend* LoginConnections::backend_in(const upstream::Pool& pool) const {
  const Kept* const kept = in(pool);
  const bool is_there = kept != nullptr && kept->connection != nullptr && kept->backend->is_usable();
  return is_there ? kept->backend.get() : nullptr;
}

std::unique_ptr<wire::ClientStream> LoginConnections::take(const upstream::Pool& pool,
                                                           const upstream::Backend& backend, Send send) {
  Kept* const kept = in(pool);
  if (kept == nullptr || kept->backend.get() != &backend || !kept->connection) return nullptr;
  kept->notice.drop();
  auto connection = std::move(kept->connection);
  connection->unpark();
  if (connection->is_stale()) {
    kept->backend->ended_elsewhere(*connection, kept->most);
    return nullptr;
  }
  const Duration idle = connection->idle_time();
  kept->backend->kept_elsewhere(idle);
  // The client logs in again on another connection, which costs less than a failed request.
  if (send == Send::once && kept->backend->may_close_at(idle)) return nullptr;
  return connection;
}

void LoginConnections::keep(std::shared_ptr<upstream::Pool> pool, std::shared_ptr<upstream::Backend> backend,
                            std::unique_ptr<wire::ClientStream> connection, Duration idle) {
  if (!connection->may_serve_its_client()) return;
  Kept* kept = in(*pool);
  if (kept == nullptr) {
    if (kept_.size() >= kMaxKept) kept_.erase(kept_.begin());
    kept = kept_.emplace_back(std::make_unique<Kept>(*this)).get();
  }
  kept->pool = std::move(pool);
  kept->notice.drop();
  kept->backend = std::move(backend);
  kept->most = idle;
  connection->park(idle, [this, kept](wire::ClientStream&) {
    const auto gone = std::move(kept->connection);
    kept->backend->ended_elsewhere(*gone, kept->most);
    on_end_();
  });
  kept->connection = std::move(connection);
  kept->backend->subscribe_drain(kept->notice);
}

}  // namespace sluice::proxy
