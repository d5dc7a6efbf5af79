#include "proxy/login_connections.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr size_t kMaxKept = 8;  // pools that one client logs in to

}  // namespace

LoginConnections::Kept* LoginConnections::in(const upstream::Pool& pool) const {
  if (is_empty()) return nullptr;
  const auto found =
      std::ranges::find_if(*kept_, [&](const auto& kept) { return kept->pool.get() == &pool; });
  return found == kept_->end() ? nullptr : found->get();
}

const upstream::Backend* LoginConnections::backend_in(const upstream::Pool& pool) const {
  const Kept* const kept = in(pool);
  const bool is_there = kept != nullptr && kept->place.is_resting() && kept->backend->is_usable();
  return is_there ? kept->backend.get() : nullptr;
}

upstream::StreamPtr LoginConnections::take(const upstream::Pool& pool, const upstream::Backend& backend,
                                           bool may_be_repeated) {
  Kept* const kept = in(pool);
  if (kept == nullptr || kept->backend.get() != &backend) return nullptr;
  kept->notice.drop();
  return kept->backend->connections().try_bound(kept->place, may_be_repeated);
}

void LoginConnections::keep(std::shared_ptr<upstream::Pool> pool, std::shared_ptr<upstream::Backend> backend,
                            upstream::StreamPtr stream, Duration idle) {
  auto made = std::make_unique<Kept>(*this, std::move(pool), std::move(backend));
  if (!made->backend->connections().keep(std::move(stream), made->place, idle)) return;
  if (!kept_) kept_ = std::make_unique<All>();
  const auto is_its = [&](const auto& kept) { return kept->pool == made->pool; };
  const auto found = std::ranges::find_if(*kept_, is_its);
  Kept& kept = *made;
  if (found != kept_->end()) {
    *found = std::move(made);
  } else {
    if (kept_->size() >= kMaxKept) kept_->erase(kept_->begin());
    kept_->push_back(std::move(made));
  }
  kept.backend->subscribe_drain(kept.notice);
}

}  // namespace sluice::proxy
