#include <sluice/upstream/pool.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {

void QueuePlace::leave() {
  deadline_.disarm();
  if (!hook_.is_linked()) return;
  hook_.unlink();
  --*length_;
}

Pool::Pool(std::string name, Deadlines& deadlines, unsigned worker, unsigned workers)
    : name_(std::move(name)),
      deadlines_(deadlines),
      workers_(workers),
      policy_(balance::make_policy({}, worker)) {}

void Pool::update(std::shared_ptr<const config::Pool> config,
                  std::vector<std::shared_ptr<Backend>> backends) {
  config_ = std::move(config);
  CHECK(config_->backends.size() == backends.size());
  for (const auto& old : backends_) {
    if (std::ranges::find(backends, old) == backends.end()) old->configure(old->weight(), true, {});
  }
  if (backends != backends_) policy_->reset();
  backends_ = std::move(backends);
  for (size_t i = 0; i < backends_.size(); ++i) {
    const auto& settings = config_->backends[i];
    backends_[i]->configure(settings.weight, settings.drain, config_->timeouts.idle);
  }
  candidates_.resize(backends_.size());
  wake();
}

void Pool::retire() {
  for (const auto& backend : backends_) backend->pool_gone();
  while (QueuePlace* place = queue_.front()) {
    place->leave();
    place->pending_.fire(Error{.code = ErrorCode::unavailable, .message = "the pool is gone"});
  }
}

std::optional<Lease> Pool::try_pick(std::span<const Backend* const> tried) {
  auto lease = pick(tried);
  if (!lease && !tried.empty()) lease = pick({});
  return lease;
}

std::optional<Lease> Pool::pick(std::span<const Backend* const> tried) {
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[i];
    candidates_[i].weight = backend.weight();
    candidates_[i].available =
        backend.is_available() && (tried.empty() || std::ranges::find(tried, &backend) == tried.end());
  }
  const auto choice = policy_->choose(candidates_, {});
  if (!choice) return std::nullopt;
  const auto& backend = backends_[*choice];
  return Lease(backend, backend->enter());
}

bool Pool::is_queue_full() const {
  const uint64_t share = (config_->queue.max + workers_ - 1) / workers_;
  return queued_ >= share;
}

Wait Pool::wait_for_backend(QueuePlace& place, std::span<const Backend* const> tried, Duration bound,
                            QueuePlace::OnLease on_lease) {
  CHECK(!is_queue_full());
  CHECK(bound > Duration::zero());
  place.tried_ = tried;
  place.length_ = &queued_;
  queue_.push_back(place);
  ++queued_;
  place.deadline_.set_callback([&place] {
    place.leave();
    place.pending_.fire(Error{.code = ErrorCode::unavailable,
                              .message = "no backend became available in time",
                              .origin = Origin::upstream,
                              .status = 503});
  });
  deadlines_.arm(place.deadline_, bound);
  return place.pending_.wait(std::move(on_lease));
}

void Pool::wake() {
  // Those that fail at once and come back wait for the next wake: each is served once.
  for (size_t left = queued_; left > 0; --left) {
    QueuePlace* first = queue_.front();
    if (first == nullptr) return;
    auto lease = try_pick(first->tried_);
    if (!lease) return;
    first->leave();
    first->pending_.fire(std::move(*lease));
  }
}

}  // namespace sluice::upstream
