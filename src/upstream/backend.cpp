#include <sluice/upstream/backend.h>

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

Lease::Slot::~Slot() {
  if (backend_ != nullptr) backend_->leave(is_counted_);
}

Backend::Backend(std::shared_ptr<BackendState> state, unsigned worker, const Connector& connector,
                 OnTrouble on_trouble, OnSlotFree on_slot_free, OnEvidence on_evidence)
    : state_(std::move(state)),
      mine_(state_->worker(worker)),
      on_trouble_(std::move(on_trouble)),
      on_slot_free_(std::move(on_slot_free)),
      on_evidence_(std::move(on_evidence)),
      connections_(*state_, connector),
      worker_(worker) {}

Backend::~Backend() = default;

void Backend::configure(uint32_t weight, bool closed, Duration idle) {
  weight_ = weight;
  closed_ = closed;
  connections_.configure(closed ? Duration::zero() : idle);
  tell_all();
}

/// Calls back once for each change.
void DrainSubscription::say(Says word) {
  const bool was_told = std::exchange(is_told_, word == Says::drains);
  if (was_told != is_told_) on_word_(word);
}

void Backend::subscribe_drain(DrainSubscription& notice) {
  notice.drop();
  notices_.push_back(notice);
  if (drains()) notice.say(DrainSubscription::Says::drains);
}

/// A backend that is down, and drained before, is not back: it may be about to end.
void Backend::tell_all() {
  if (drains()) return pool_gone();
  if (state_->health() == HealthState::healthy) tell_all(DrainSubscription::Says::is_back);
}

void Backend::pool_gone() {
  tell_all(DrainSubscription::Says::drains);
}

/// The callbacks move deadlines or close an idle connection: none of them changes this list or destroys us.
void Backend::tell_all(DrainSubscription::Says word) {
  for (DrainSubscription* notice = notices_.front(); notice != nullptr; notice = notices_.next(*notice)) {
    notice->say(word);
  }
}

// ---- requests

/// A request that began while there was no bound has no slot, and counts all the same.
bool Backend::is_full() const {
  return state_->concurrency().inside() >= most_requests_ || state_->in_flight() >= most_requests_;
}

std::optional<Lease> Backend::lease(const std::shared_ptr<Backend>& self) {
  const bool is_bounded = self->most_requests_ != 0;
  if (is_bounded && (self->is_full() || !self->state_->concurrency().enter(self->most_requests_)))
    return std::nullopt;
  self->mine_.requests.add();
  auto pass = *self->mine_.in_flight.enter();  // This gate is never closed: it is a count.
  self->connections_.expect(self->mine_.in_flight.inside());
  return Lease(self, Lease::Slot(*self, is_bounded), std::move(pass));
}

Lease Backend::lease_beyond_bound(const std::shared_ptr<Backend>& self) {
  auto pass = *self->mine_.in_flight.enter();
  return Lease(self, Lease::Slot(*self, false), std::move(pass));
}

void Backend::leave(bool was_counted) {
  if (was_counted) state_->concurrency().leave();
  pass_on_slot();
}

bool Backend::wait_for_room(bool waits) {
  return (most_requests_ != 0 || !waits) && state_->concurrency().set_waiting(worker_, waits);
}

void Backend::pass_on_slot() {
  if (most_requests_ == 0 || !on_slot_free_ || is_full()) return;
  if (const auto next = state_->concurrency().next_waiting()) on_slot_free_(state_, *next);
}

// ---- what goes wrong

void Backend::connect_failed(observe::Cause cause) {
  suspect();
  count_failure(cause, 0);
  report();
}

void Backend::connection_broke(observe::Cause cause) {
  count_failure(cause, 0);
  report();
}

void Backend::count_failure(observe::Cause cause, int status) {
  mine_.failures.add();
  if (!ejection_.enabled || !state_->failures_in_a_row().add(ejection_.failures) || !on_evidence_) return;
  on_evidence_(state_, {.kind = Evidence::Kind::failures, .cause = cause, .status = status});
}

void Backend::signalled_drain() {
  if (!on_evidence_ || std::exchange(said_draining_, true)) return;
  suspect();
  on_evidence_(state_, {.kind = Evidence::Kind::drains});
}

void Backend::suspect() {
  if (!std::exchange(suspect_, true) && on_suspect_) on_suspect_();
}

void Backend::report() {
  if (std::exchange(reported_, true)) return;
  on_trouble_(state_);
}

void Backend::checked() {
  suspect_ = false;
  reported_ = false;
  said_draining_ = false;
  if (state_->health() != HealthState::healthy) connections_.close_idle();
  tell_all();
}

}  // namespace sluice::upstream
