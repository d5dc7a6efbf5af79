#include <sluice/upstream/affinity.h>
#include <sluice/upstream/pool.h>

#include <algorithm>
#include <utility>

#include "upstream/balancing.h"
#include "upstream/slow_start.h"

namespace sluice::upstream {

void QueueEntry::leave() {
  deadline_.disarm();
  if (!hook_.is_linked()) return;
  hook_.unlink();
  --pool_->queued_;
  if (ask_.only != nullptr) --pool_->bound_;
  pool_->waiting_->remove();
  pool_->note_oldest();
}

void QueueEntry::take_any() {
  if (!hook_.is_linked() || ask_.only == nullptr) return;
  ask_.only = nullptr;
  --pool_->bound_;
  pool_->look_soon();
}

void Pool::note_oldest() {
  const QueueEntry* const first = queue_.front();
  oldest_->set(first == nullptr ? std::nullopt : std::optional(first->since_));
}

Pool::Pool(std::string name, Deadlines& deadlines, unsigned worker, unsigned workers,
           std::shared_ptr<QueueCount> waiting)
    : name_(std::move(name)),
      deadlines_(deadlines),
      worker_(worker),
      workers_(workers),
      retry_budget_(deadlines.clock().now()),
      waiting_(std::move(waiting)),
      oldest_(waiting_->add_worker()) {}

Pool::~Pool() {
  wait_for_no_room();
  for (const auto& backend : backends_) backend->on_suspect({});
  for (; queued_ > 0; --queued_) waiting_->remove();
}

void Pool::update(std::shared_ptr<const config::Pool> config, std::vector<std::shared_ptr<Backend>> backends,
                  const std::string& zone) {
  CHECK(config->backends.size() == backends.size());
  wait_for_no_room();
  std::erase_if(leaving_, [](const auto& each) { return each.expired(); });
  for (const auto& old : backends_) {
    if (std::ranges::find(backends, old) != backends.end()) continue;
    old->configure(old->weight(), true, {});
    old->on_suspect({});
    leaving_.push_back(old);
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
  kept_ids_.clear();
  for (size_t i = 0; i < backends_.size(); ++i) {
    const auto& backend = config_->backends[i];
    if (settings_.sticky && backend.weight == 0) kept_ids_.push_back(candidates_[i].id);
    backends_[i]->set_most_requests(backend.max_requests);
    backends_[i]->set_version(backend.version);
    backends_[i]->set_ejection(config_->ejection);
    const Duration idle = config_->keep_alive ? config_->timeouts.idle : Duration::zero();
    backends_[i]->configure(backend.weight, backend.drain, idle);
    backends_[i]->on_suspect([this] {
      // Those that wait for this backend alone may have any other now.
      if (bound_ > 0) look_soon();
    });
  }
  change_pause(config_->pause);
  free_of_those_gone();
  say_who_is_awaited();
  wake();
}

/// Requests for a backend that has left the pool may have any other: nothing keeps that backend alive.
void Pool::free_of_those_gone() {
  for (QueueEntry* place = queue_.front(); place != nullptr; place = queue_.next(*place)) {
    const auto is_its_own = [place](const auto& backend) { return backend.get() == place->ask_.only; };
    if (std::ranges::none_of(backends_, is_its_own)) place->take_any();
  }
}

/// The time of a timed pause is not counted: requests that wait have no deadline meanwhile, and all of their
/// time after it.
void Pool::change_pause(config::Pause next) {
  const bool was_timed = std::exchange(pause_, next) == config::Pause::timed;
  const bool is_timed = next == config::Pause::timed;
  if (was_timed == is_timed) return;
  for (QueueEntry* place = queue_.front(); place != nullptr; place = queue_.next(*place)) {
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
  while (QueueEntry* place = queue_.front()) {
    place->leave();
    place->pending_.fire(Error{.code = ErrorCode::not_found, .message = "the pool is gone"});
  }
}

std::shared_ptr<Backend> Pool::known(const std::shared_ptr<BackendState>& state) const {
  for (const auto& backend : backends_) {
    if (backend->state() == state) return backend;
  }
  for (const auto& each : leaving_) {
    auto backend = each.lock();
    if (backend && backend->state() == state) return backend;
  }
  return nullptr;
}

std::optional<Lease> Pool::lease_on(const Address& address) {
  for (const auto& backend : backends_) {
    if (backend->address() == address) return Backend::lease_beyond_bound(backend);
  }
  return std::nullopt;
}

// ---- picking

std::optional<Lease> Pool::try_pick(const PickRequest& ask) {
  if (is_paused() || queued_ > bound_) return std::nullopt;
  return pick_untried_first(ask, Whose::newcomer);
}

std::optional<Lease> Pool::pick_untried_first(const PickRequest& ask, Whose whose) {
  auto lease = pick(ask, whose);
  if (!lease && !ask.tried.empty() && !ask.untried_only)
    lease = pick({.key = ask.key, .only = ask.only}, whose);
  return lease;
}

bool Pool::may_have(const Backend& backend, const PickRequest& ask, Whose whose) const {
  if (ask.only != nullptr && ask.only != &backend && ask.only->is_usable()) return false;
  const bool was_tried = !ask.tried.empty() && std::ranges::find(ask.tried, &backend) != ask.tried.end();
  return !was_tried && (whose == Whose::queued || !(is_awaited(backend) || backend.has_waiters_elsewhere()));
}

/// Makes the candidates what the backends are now.
void Pool::look_at_backends(const PickRequest& ask, Whose whose, TimePoint now) {
  const bool wants_load = policy_->wants_load();
  const bool starts_slowly = config_->slow_start > Duration::zero();
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[i];
    balance::Candidate& candidate = candidates_[i];
    candidate.weight = backend.weight();
    if (starts_slowly) {
      candidate.weight *= ramp_up_percent(backend.state()->healthy_since(), now, config_->slow_start);
    }
    candidate.keeps_clients = backend.is_available() && may_have(backend, ask, whose);
    // A connection on which its client has logged in is used whatever the backend's weight.
    const bool is_its_own = ask.only == &backend;
    if (is_its_own && candidate.weight == 0) candidate.weight = 1;
    candidate.available = candidate.keeps_clients && (backend.weight() > 0 || is_its_own);
    if (!wants_load || !candidate.available) continue;
    candidate.in_flight = static_cast<uint32_t>(backend.state()->in_flight());
    candidate.latency = backend.latency();
  }
}

/// Where all backends are down, and the pool wants them tried: makes them available. Whether there is one.
bool Pool::look_at_those_down(const PickRequest& ask, Whose whose) {
  if (config_->when_all_down == config::WhenAllDown::queue) return false;
  const auto is_usable = [](const auto& backend) { return backend->is_usable() && backend->weight() > 0; };
  if (std::ranges::any_of(backends_, is_usable)) return false;
  bool is_any = false;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[i];
    candidates_[i].available = backend.weight() > 0 && backend.is_last_resort() && backend.has_free_slot() &&
                               may_have(backend, ask, whose);
    is_any |= candidates_[i].available;
  }
  return is_any;
}

std::optional<Lease> Pool::pick(const PickRequest& ask, Whose whose) {
  const balance::Request request{.key = ask.key, .now = deadlines_.clock().now()};
  // Other workers may take the chosen backend's last slot: then there is one backend fewer to choose from.
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
    // A backend that only has too much to do at the moment keeps its clients.
    if (candidates_[i].id == key && backends_[i]->is_usable()) return std::nullopt;
    if (backends_[i].get() == &backend) id = candidates_[i].id;
  }
  return id;
}

// ---- the queue

bool Pool::is_queue_full() const {
  return waiting_->get() >= config_->queue.max;
}

Wait Pool::wait_for_backend(QueueEntry& place, const PickRequest& ask, Duration bound,
                            QueueEntry::OnLease on_lease) {
  CHECK(bound > Duration::zero());
  place.ask_ = ask;
  place.bound_ = bound;
  place.released_ = {};
  place.since_ = deadlines_.clock().now();
  place.pool_ = this;
  queue_.push_back(place);
  note_oldest();
  ++queued_;
  if (ask.only != nullptr) ++bound_;
  waiting_->add();
  bound_wait(place);
  if (!is_paused()) {
    say_who_is_awaited();
    // No later event may report a backend that became available a moment ago.
    const auto is_available = [this](const auto& backend) { return takes_requests(*backend); };
    if (std::ranges::any_of(backends_, is_available)) look_soon();
  }
  return place.pending_.wait(std::move(on_lease));
}

void Pool::bound_wait(QueueEntry& place) {
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

bool Pool::takes_requests(const Backend& backend) const {
  const bool tries_anyway = config_->when_all_down == config::WhenAllDown::try_anyway;
  return backend.is_available() || (tries_anyway && backend.is_last_resort());
}

/// In a later turn: the caller is in the middle of something.
void Pool::look_soon() {
  if (!soon_.is_armed()) deadlines_.arm(soon_, Duration{1});
}

void Pool::wake() {
  if (is_paused()) return;
  const Alive::Watch watch(alive_);
  // Requests that fail at once and come back wait for the next wake: each is served once.
  for (size_t left = queued_; left > 0; --left) {
    auto served = serve_first();
    if (served.place == nullptr) break;
    served.place->leave();
    served.place->pending_.fire(*std::move(served.lease));
    if (!watch) return;
  }
  say_who_is_awaited();
}

/// The first request that can have a backend now. Requests that wait for a backend of their own and requests
/// that take any do not hold each other up. When the first that takes any can have none, no later one can,
/// but for a sticky client whose backend has weight 0.
Pool::Served Pool::serve_first() {
  size_t bound_left = bound_;
  bool is_any_left = true;
  for (QueueEntry* place = queue_.front(); place != nullptr; place = queue_.next(*place)) {
    const bool is_bound = place->ask_.only != nullptr;
    if (is_bound || is_any_left || is_kept(place->ask_)) {
      auto lease = pick_untried_first(place->ask_, Whose::queued);
      if (lease) return {.place = place, .lease = std::move(lease)};
    }
    if (is_bound) --bound_left;
    if (!is_bound) is_any_left = false;
    if (!is_any_left && bound_left == 0 && kept_ids_.empty()) break;
  }
  return {};
}

/// A request that waits here would get it if it had room. A worker that waited for what it cannot use would
/// take other workers' turns.
bool Pool::is_awaited(const Backend& backend) const {
  if (backend.is_suspect()) return false;
  const bool takes_any = backend.weight() > 0;
  if (takes_any && queued_ > bound_) return true;
  if (bound_ == 0 && kept_ids_.empty()) return false;
  const auto id = backend_id(config_->balance, backend.address());
  for (QueueEntry* place = queue_.front(); place != nullptr; place = queue_.next(*place)) {
    const Backend* const only = place->ask_.only;
    if (only == &backend) return true;
    if (only != nullptr && only->is_usable()) continue;
    if (takes_any || (is_kept(place->ask_) && place->ask_.key == id)) return true;
  }
  return false;
}

/// The client's cookie names a backend of weight 0.
bool Pool::is_kept(const PickRequest& ask) const {
  return ask.key && std::ranges::find(kept_ids_, *ask.key) != kept_ids_.end();
}

void Pool::slot_freed(const BackendState& state) {
  const Alive::Watch watch(alive_);
  wake();
  if (!watch) return;
  for (const auto& backend : backends_) {
    if (backend->state().get() != &state) continue;
    if (!is_paused() && is_awaited(*backend)) return;  // It was taken, or no worker can use it.
    return backend->pass_on_slot();
  }
}

/// To the other workers. A worker that left room at a backend before that could not know that this one waits.
void Pool::say_who_is_awaited() {
  if (is_paused() || queued_ == 0) return wait_for_no_room();
  for (const auto& backend : backends_) {
    if (backend->wait_for_room(is_awaited(*backend)) && takes_requests(*backend)) look_soon();
  }
}

void Pool::wait_for_no_room() {
  for (const auto& backend : backends_) backend->wait_for_room(false);
}

}  // namespace sluice::upstream
