#include <sluice/upstream/backend.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {

BackendState::~BackendState() {
  for (PerWorker* each = first_.load(); each != nullptr;) {
    const std::unique_ptr<PerWorker> gone(each);
    each = each->next;
  }
}

BackendState::PerWorker& BackendState::worker(unsigned index) {
  const std::lock_guard lock(adding_);
  for (PerWorker* each = first_.load(); each != nullptr; each = each->next) {
    if (each->index == index) return *each;
  }
  auto made = std::make_unique<PerWorker>();
  made->index = index;
  made->next = first_.load();
  first_.store(made.get(), std::memory_order_release);
  return *made.release();
}

size_t BackendState::in_flight() const {
  size_t sum = 0;
  for (const PerWorker* each = first_.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    sum += each->in_flight.inside();
  }
  return sum;
}

uint64_t BackendState::requests() const {
  uint64_t sum = 0;
  for (const PerWorker* each = first_.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    sum += each->requests.get();
  }
  return sum;
}

uint64_t BackendState::failures() const {
  uint64_t sum = 0;
  for (const PerWorker* each = first_.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    sum += each->failures.get();
  }
  return sum;
}

Lease::Place::~Place() {
  if (backend_ != nullptr) backend_->leave(is_counted_);
}

Backend::Backend(std::shared_ptr<BackendState> state, unsigned worker, OnTrouble on_trouble, OnRoom on_room,
                 OnEvidence on_evidence)
    : state_(std::move(state)),
      mine_(state_->worker(worker)),
      on_trouble_(std::move(on_trouble)),
      on_room_(std::move(on_room)),
      on_evidence_(std::move(on_evidence)),
      worker_(worker) {}

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

// ---- requests

/// What began while there was no bound has no place, and counts all the same.
bool Backend::is_full() const {
  return state_->room().inside() >= most_requests_ || state_->in_flight() >= most_requests_;
}

std::optional<Lease> Backend::lease(const std::shared_ptr<Backend>& self) {
  const bool is_bounded = self->most_requests_ != 0;
  if (is_bounded && (self->is_full() || !self->state_->room().enter(self->most_requests_)))
    return std::nullopt;
  self->mine_.requests.add();
  auto pass = *self->mine_.in_flight.enter();  // This gate is never closed: it is a count.
  return Lease(self, Lease::Place(*self, is_bounded), std::move(pass));
}

Lease Backend::lease_beyond_bound(const std::shared_ptr<Backend>& self) {
  auto pass = *self->mine_.in_flight.enter();
  return Lease(self, Lease::Place(*self, false), std::move(pass));
}

void Backend::leave(bool was_counted) {
  if (was_counted) state_->room().leave();
  pass_on_room();
}

void Backend::wait_for_room(bool waits) {
  if (most_requests_ != 0 || !waits) state_->room().set_waiting(worker_, waits);
}

void Backend::pass_on_room() {
  if (most_requests_ == 0 || !on_room_ || is_full()) return;
  if (const auto next = state_->room().next_waiting()) on_room_(state_, *next);
}

// ---- connections

std::unique_ptr<wire::ClientStream> Backend::take_idle() {
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  connection->unpark();
  return connection;
}

std::unique_ptr<wire::ClientStream> Backend::take_trusted(Duration unproven) {
  if (!idle_.empty()) keep_alive_.lasted(idle_.front()->idle_time());
  const Duration trusted = keep_alive_.trusted(unproven);
  while (!idle_.empty() && idle_.back()->idle_time() <= trusted) {
    auto connection = take_idle();
    if (!connection->is_stale()) return connection;
  }
  return nullptr;
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
  const Duration idle = gone->idle_time();
  const bool was_retired = idle >= idle_timeout_;
  was_retired ? keep_alive_.lasted(idle) : keep_alive_.closed(idle);
  idle_.erase(found);
}

void Backend::connect_failed(observe::Cause cause) {
  suspect_ = true;
  count_failure(cause, 0);
  report();
}

void Backend::connection_broke(observe::Cause cause) {
  count_failure(cause, 0);
  report();
}

void Backend::count_failure(observe::Cause cause, int status) {
  mine_.failures.add();
  if (!ejection_.enabled || !state_->row().add(ejection_.failures) || !on_evidence_) return;
  on_evidence_(state_, {.kind = Evidence::Kind::failures, .cause = cause, .status = status});
}

void Backend::said_it_drains() {
  if (!on_evidence_ || std::exchange(said_draining_, true)) return;
  suspect_ = true;
  on_evidence_(state_, {.kind = Evidence::Kind::drains});
}

void Backend::report() {
  if (std::exchange(reported_, true)) return;
  on_trouble_(state_);
}

void Backend::checked() {
  suspect_ = false;
  reported_ = false;
  said_draining_ = false;
  if (state_->health() != HealthState::healthy) idle_.clear();
  tell_all();
}

}  // namespace sluice::upstream
