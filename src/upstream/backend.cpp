#include <sluice/upstream/backend.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {

BackendState::PerWorker& BackendState::worker(unsigned index) {
  const std::lock_guard lock(mutex_);
  while (workers_.size() <= index) workers_.push_back(std::make_unique<PerWorker>());
  return *workers_[index];
}

size_t BackendState::in_flight() const {
  const std::lock_guard lock(mutex_);
  size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->in_flight.inside();
  return sum;
}

uint64_t BackendState::requests() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->requests.get();
  return sum;
}

uint64_t BackendState::failures() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->failures.get();
  return sum;
}

Backend::Backend(std::shared_ptr<BackendState> state, unsigned worker, OnTrouble on_trouble)
    : state_(std::move(state)), mine_(state_->worker(worker)), on_trouble_(std::move(on_trouble)) {}

Backend::~Backend() = default;

void Backend::configure(uint32_t weight, bool closed, Duration idle) {
  weight_ = weight;
  idle_timeout_ = idle;
  closed_ = closed;
  if (closed_) idle_.clear();
  tell_all();
}

void Backend::tell_of_drain(DrainNotice& notice) {
  notice.drop();
  if (drains()) return notice.on_drain_();
  notices_.push_back(notice);
}

void Backend::tell_all() {
  if (drains()) pool_gone();
}

/// The callbacks only arm deadlines: none of them changes this list or destroys us.
void Backend::pool_gone() {
  while (DrainNotice* notice = notices_.pop_front()) notice->on_drain_();
}

Gate::Pass Backend::enter() {
  mine_.requests.add();
  return *mine_.in_flight.enter();  // This gate is never closed: it is a count.
}

std::unique_ptr<wire::ClientStream> Backend::take_idle() {
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  connection->unpark();
  return connection;
}

void Backend::give_back(std::unique_ptr<wire::ClientStream> connection) {
  if (closed_ || state_->health() != HealthState::healthy || !connection->may_be_reused()) return;
  connection->park(idle_timeout_, [this](wire::ClientStream& gone) { drop(gone); });
  idle_.push_back(std::move(connection));
}

void Backend::drop(wire::ClientStream& connection) {
  const auto is_it = [&](const auto& idle) { return idle.get() == &connection; };
  const auto found = std::ranges::find_if(idle_, is_it);
  CHECK(found != idle_.end());
  const auto gone = std::move(*found);  // Destroyed last: it is calling us.
  idle_.erase(found);
}

void Backend::connect_failed() {
  mine_.failures.add();
  suspect_ = true;
  report();
}

void Backend::connection_broke() {
  mine_.failures.add();
  report();
}

void Backend::report() {
  if (std::exchange(reported_, true)) return;
  on_trouble_(state_);
}

void Backend::checked() {
  suspect_ = false;
  reported_ = false;
  if (state_->health() != HealthState::healthy) idle_.clear();
  tell_all();
}

}  // namespace sluice::upstream
