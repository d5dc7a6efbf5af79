#include <sluice/upstream/pool.h>

#include <algorithm>
#include <utility>

#include "upstream/balancing.h"
#include "upstream/slow_start.h"

namespace sluice::upstream {

void QueuePlace::leave() {
  deadline_.disarm();
  if (!hook_.is_linked()) return;
  hook_.unlink();
  --pool_->queued_;
  pool_->waiting_->remove();
}

Pool::Pool(std::string name, Deadlines& deadlines, unsigned worker, unsigned workers,
           std::shared_ptr<QueueCount> waiting)
    : name_(std::move(name)),
      deadlines_(deadlines),
      worker_(worker),
      workers_(workers),
      retry_budget_(deadlines.clock().now()),
      waiting_(std::move(waiting)) {}

Pool::~Pool() {
  wait_for_room(false);
  for (; queued_ > 0; --queued_) waiting_->remove();
}

void Pool::update(std::shared_ptr<const config::Pool> config, std::vector<std::shared_ptr<Backend>> backends,
                  const std::string& zone) {
  CHECK(config->backends.size() == backends.size());
  wait_for_room(false);
  for (const auto& old : backends_) {
    if (std::ranges::find(backends, old) == backends.end()) old->configure(old->weight(), true, {});
  }
  const auto settings = settings_for(*config, zone);
  if (!policy_ || settings != settings_) policy_ = balance::make_policy(settings, worker_);
  if (backends != backends_) policy_->reset();
  settings_ = settings;
  config_ = std::move(config);
  share_among(workers_);
  backends_ = std::move(backends);
  zone_ = zone;
  candidates_ = candidates_for(*config_, zone_);
  for (size_t i = 0; i < backends_.size(); ++i) {
    const auto& backend = config_->backends[i];
    backends_[i]->set_most_requests(backend.max_requests);
    backends_[i]->set_version(backend.version);
    backends_[i]->set_ejection(config_->ejection);
    backends_[i]->configure(backend.weight, backend.drain, config_->timeouts.idle);
  }
  change_pause(config_->pause);
  if (queued_ > 0 && !is_paused()) wait_for_room(true);
  wake();
}

/// The time of a timed pause is not counted: those who wait have no deadline meanwhile, and all of their time
/// after it.
void Pool::change_pause(config::Pause next) {
  const bool was_timed = std::exchange(pause_, next) == config::Pause::timed;
  const bool is_timed = next == config::Pause::timed;
  if (was_timed == is_timed) return;
  for (QueuePlace* place = queue_.front(); place != nullptr; place = queue_.next(*place)) {
    if (was_timed) place->released_ = deadlines_.clock().now();
    bound_wait(*place);
  }
}

void Pool::share_among(unsigned workers) {
  workers_ = workers;
  if (!config_) return;
  retry_budget_.set(config_->retry.budget, static_cast<double>(config_->retry.budget_minimum) / workers);
}

void Pool::retire() {
  soon_.disarm();
  for (const auto& backend : backends_) backend->pool_gone();
  while (QueuePlace* place = queue_.front()) {
    place->leave();
    place->pending_.fire(Error{.code = ErrorCode::not_found, .message = "the pool is gone"});
  }
}

std::optional<Lease> Pool::lease_on(const Address& address) {
  for (const auto& backend : backends_) {
    if (backend->address() == address) return Backend::lease_beyond_bound(backend);
  }
  return std::nullopt;
}

// ---- picking

std::optional<Lease> Pool::try_pick(const Ask& ask) {
  if (queued_ > 0 || is_paused()) return std::nullopt;
  return pick_untried_first(ask, Whose::newcomer);
}

std::optional<Lease> Pool::pick_untried_first(const Ask& ask, Whose whose) {
  auto lease = pick(ask, whose);
  if (!lease && !ask.tried.empty()) lease = pick({.key = ask.key}, whose);
  return lease;
}

bool Pool::may_have(const Backend& backend, const Ask& ask, Whose whose) const {
  const bool was_tried = !ask.tried.empty() && std::ranges::find(ask.tried, &backend) != ask.tried.end();
  return !was_tried && (whose == Whose::queued || !backend.is_awaited_by_others());
}

/// Makes the candidates what the backends are now.
void Pool::look_at_backends(const Ask& ask, Whose whose, TimePoint now) {
  const bool wants_load = policy_->wants_load();
  const bool starts_slowly = config_->slow_start > Duration::zero();
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[i];
    balance::Candidate& candidate = candidates_[i];
    candidate.weight = backend.weight();
    if (starts_slowly) {
      candidate.weight *= warmth(backend.state()->healthy_since(), now, config_->slow_start);
    }
    candidate.available = backend.is_available() && may_have(backend, ask, whose);
    if (!wants_load || !candidate.available) continue;
    candidate.in_flight = static_cast<uint32_t>(backend.state()->in_flight());
    candidate.latency = backend.latency();
  }
}

/// Where all are down, and the pool wants them tried: makes those available. Whether there is one.
bool Pool::look_at_those_down(const Ask& ask, Whose whose) {
  if (config_->when_all_down == config::WhenAllDown::queue) return false;
  if (std::ranges::any_of(backends_, [](const auto& backend) { return backend->is_usable(); })) return false;
  bool is_any = false;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[i];
    candidates_[i].available =
        backend.is_worth_a_try() && backend.has_room() && may_have(backend, ask, whose);
    is_any |= candidates_[i].available;
  }
  return is_any;
}

std::optional<Lease> Pool::pick(const Ask& ask, Whose whose) {
  const balance::Request request{.key = ask.key, .now = deadlines_.clock().now()};
  // Other workers may take the last room of the one that was chosen: then there is one fewer to choose from.
  for (size_t tries = 0; tries <= backends_.size(); ++tries) {
    look_at_backends(ask, whose, request.now);
    auto choice = policy_->choose(candidates_, request);
    if (!choice && look_at_those_down(ask, whose)) choice = policy_->choose(candidates_, request);
    if (!choice) return std::nullopt;
    if (auto lease = Backend::lease(backends_[*choice])) return lease;
  }
  return std::nullopt;
}

bool Pool::has_backend_of(uint64_t id) const {
  return std::ranges::find(candidates_, id, &balance::Candidate::id) != candidates_.end();
}

std::optional<uint64_t> Pool::new_sticky_id(const Backend& backend, std::optional<uint64_t> key) const {
  if (config_->balance.policy != config::BalancePolicy::sticky_cookie) return std::nullopt;
  std::optional<uint64_t> id;
  for (size_t i = 0; i < backends_.size(); ++i) {
    // One that only has too much to do at the moment keeps its clients.
    if (candidates_[i].id == key && backends_[i]->is_usable()) return std::nullopt;
    if (backends_[i].get() == &backend) id = candidates_[i].id;
  }
  return id;
}

// ---- the queue

bool Pool::is_queue_full() const {
  return waiting_->get() >= config_->queue.max;
}

Wait Pool::wait_for_backend(QueuePlace& place, const Ask& ask, Duration bound, QueuePlace::OnLease on_lease) {
  CHECK(bound > Duration::zero());
  place.ask_ = ask;
  place.bound_ = bound;
  place.released_ = {};
  place.pool_ = this;
  queue_.push_back(place);
  ++queued_;
  waiting_->add();
  bound_wait(place);
  if (!is_paused()) {
    wait_for_room(true);
    // Nobody else may tell of what became available a moment ago.
    const bool tries_anyway = config_->when_all_down == config::WhenAllDown::try_anyway;
    const auto is_available = [tries_anyway](const auto& backend) {
      return backend->is_available() || (tries_anyway && backend->is_worth_a_try());
    };
    if (std::ranges::any_of(backends_, is_available)) deadlines_.arm(soon_, Duration{1});
  }
  return place.pending_.wait(std::move(on_lease));
}

void Pool::bound_wait(QueuePlace& place) {
  if (pause_ == config::Pause::timed) return place.deadline_.disarm();
  place.deadline_.set_callback([this, &place] {
    place.leave();
    place.pending_.fire(Error{.code = ErrorCode::unavailable,
                              .message = is_paused() ? "the pool is paused, and was not resumed in time"
                                                     : "no backend became available in time",
                              .origin = Origin::upstream,
                              .status = 503});
  });
  deadlines_.arm(place.deadline_, place.bound_);
}

void Pool::wake() {
  if (is_paused()) return;
  const Alive::Watch watch(alive_);
  // Those that fail at once and come back wait for the next wake: each is served once.
  for (size_t left = queued_; left > 0; --left) {
    QueuePlace* first = queue_.front();
    if (first == nullptr) break;
    auto lease = pick_untried_first(first->ask_, Whose::queued);
    if (!lease) return;
    first->leave();
    first->pending_.fire(std::move(*lease));
    if (!watch) return;
  }
  if (queued_ == 0) wait_for_room(false);
}

void Pool::room_at(const BackendState& state) {
  const Alive::Watch watch(alive_);
  wake();
  if (!watch) return;
  if (queued_ > 0 && !is_paused()) return;  // It was taken, or is none for those who wait.
  for (const auto& backend : backends_) {
    if (backend->state().get() == &state) return backend->pass_on_room();
  }
}

void Pool::wait_for_room(bool waits) {
  if (std::exchange(awaits_room_, waits) == waits) return;
  for (const auto& backend : backends_) backend->wait_for_room(waits);
}

}  // namespace sluice::upstream
