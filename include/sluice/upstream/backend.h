// One backend as one worker sees it: what is in flight to it, and whether it may get more.
#pragma once

#include <sluice/balance/latency.h>
#include <sluice/base/clock.h>
#include <sluice/base/list.h>
#include <sluice/config/ejection.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/connections.h>
#include <sluice/upstream/evidence.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sluice::upstream {

class Backend;

/// Reports when a backend drains or leaves, and when it has come back: to a tunnel, for one, which would stay
/// for ever. Destroying it is enough to leave.
class DrainSubscription {
 public:
  enum class Says { drains, is_back };
  DrainSubscription() = default;
  explicit DrainSubscription(std::function<void(Says)> on_word) : on_word_(std::move(on_word)) {}
  void drop() {
    hook_.unlink();
    is_told_ = false;
  }
  /// The backend has drained, and not come back.
  bool is_told() const { return is_told_; }

 private:
  friend class Backend;
  void say(Says word);
  ListHook hook_;
  std::function<void(Says)> on_word_;
  bool is_told_ = false;
};

/// The right to send one attempt to a backend. While it lives the attempt is in flight.
class Lease {
 public:
  Lease(Lease&& other) = default;
  /// What this lease had goes with `other`.
  Lease& operator=(Lease&& other) noexcept {
    std::swap(backend_, other.backend_);
    std::swap(place_, other.place_);
    std::swap(pass_, other.pass_);
    return *this;
  }
  Backend& backend() const { return *backend_; }
  const std::shared_ptr<Backend>& shared_backend() const { return backend_; }

 private:
  friend class Backend;
  /// A place among the requests that the backend takes at a time, when there is a bound.
  class Slot {
   public:
    Slot(Backend& backend, bool is_counted) : backend_(&backend), is_counted_(is_counted) {}
    Slot(Slot&& other) noexcept
        : backend_(std::exchange(other.backend_, nullptr)), is_counted_(other.is_counted_) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(backend_, other.backend_);
      std::swap(is_counted_, other.is_counted_);
      return *this;
    }
    ~Slot();

   private:
    Backend* backend_;
    bool is_counted_;
  };
  Lease(std::shared_ptr<Backend> backend, Slot place, Gate::Pass pass)
      : backend_(std::move(backend)), place_(std::move(place)), pass_(std::move(pass)) {}

  std::shared_ptr<Backend> backend_;  // Outlives the others.
  Slot place_;                        // Left when nothing is in flight for it any more.
  Gate::Pass pass_;
};

/// One worker's. Shared by the pool's members and the leases on it.
class Backend {
 public:
  /// Something in traffic says that it is worth a probe at once.
  using OnTrouble = std::function<void(const std::shared_ptr<BackendState>&)>;

  /// A request has ended, and this worker waits for that.
  using OnSlotFree = std::function<void(const std::shared_ptr<BackendState>&, unsigned worker)>;

  /// Control is to judge what was seen.
  using OnEvidence = std::function<void(const std::shared_ptr<BackendState>&, const Evidence&)>;

  /// `connector` outlives it.
  Backend(std::shared_ptr<BackendState> state, unsigned worker, const Connector& connector,
          OnTrouble on_trouble, OnSlotFree on_slot_free = {}, OnEvidence on_evidence = {});
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const Address& address() const { return state_->address(); }
  const std::shared_ptr<BackendState>& state() const { return state_; }
  uint32_t weight() const { return weight_; }

  /// As the newest generation has it. `closed`: drained by an admin, or no longer in the pool.
  /// `idle` zero: no connection is used again.
  void configure(uint32_t weight, bool closed, Duration idle);
  /// It may be given requests, but for their number.
  bool is_usable() const { return !closed_ && !suspect_ && state_->health() == HealthState::healthy; }
  bool is_available() const { return is_usable() && has_free_slot(); }
  /// Probes say no, or nothing yet, or traffic says no, and it may be tried all the same when there is no
  /// other; after a refused connection, not before a probe has looked.
  bool is_last_resort() const {
    const HealthState health = state_->health();
    return !closed_ && !suspect_ && health != HealthState::healthy && health != HealthState::draining;
  }

  /// It refused this worker a connection or said that it drains, and control has not looked since.
  bool is_suspect() const { return suspect_; }
  /// Runs whenever that begins, in the middle of what the request does. Empty: nothing.
  void on_suspect(std::function<void()> callback) { on_suspect_ = std::move(callback); }

  /// As the newest generation has it.
  void set_ejection(const config::Ejection& settings) { ejection_ = settings; }

  /// A tag for reports; may be empty.
  void set_version(const std::string& version) { version_ = version; }
  const std::string& version() const { return version_; }

  /// At a time and over all workers; 0: no bound.
  void set_most_requests(uint32_t most) { most_requests_ = most; }
  bool has_free_slot() const { return most_requests_ == 0 || !is_full(); }
  /// Requests of other workers wait for the next room here: a new request must not overtake them.
  bool has_waiters_elsewhere() const {
    return most_requests_ != 0 && state_->concurrency().has_waiters_elsewhere(worker_);
  }
  /// Nothing when other workers have taken the last room meanwhile. `self` is this.
  static std::optional<Lease> lease(const std::shared_ptr<Backend>& self);
  /// For a request that another owner began and that goes on here: it takes no slot, and waits for none.
  static Lease lease_beyond_bound(const std::shared_ptr<Backend>& self);
  /// This worker has requests that wait, or has no more: whether it is to be notified of room. True when it
  /// was not before: of room that came until now it was not notified.
  bool wait_for_room(bool waits);
  /// The turn of the next worker that waits, when there is room left.
  void pass_on_slot();

  /// A response's head has come, so long after the request was sent.
  void answered(TimePoint now, Duration took) { latency_.record(now, took); }
  const balance::Latency& latency() const { return latency_; }

  Connections& connections() { return connections_; }

  /// Runs the notice's callback when the backend drains or leaves, at once when it already does; and again
  /// should it be healthy and in its pool after that.
  void subscribe_drain(DrainSubscription& notice);
  /// Its pool is gone: subscriptions get Says::drains.
  void pool_gone();

  /// A response has come whole.
  void answered_whole(int status) {
    if (!ejection_.enabled) return;
    if (ejection_.counts(status)) return count_failure(observe::Cause::ok, status);
    state_->failures_in_a_row().end();
  }
  /// The backend took no connection: nothing more goes there before a probe has looked.
  void connect_failed(observe::Cause cause = observe::Cause::connect_refused);
  /// A connection broke in an exchange, or brought nothing in time: a probe shall look, and traffic goes on.
  void connection_broke(observe::Cause cause = observe::Cause::backend_closed);
  /// A response says that it drains: nothing more goes there before control has heard of it.
  void signalled_drain();
  /// It has given a request back that it has no time for: a probe shall look whether it drains.
  void returned_request() { report(); }
  /// A probe has looked, or the state has changed.
  void checked();

 private:
  friend class Lease;
  bool is_full() const;
  void count_failure(observe::Cause cause, int status);
  void leave(bool was_counted);
  void suspect();
  void report();
  bool drains() const { return closed_ || state_->health() == HealthState::draining; }
  void tell_all();
  void tell_all(DrainSubscription::Says word);

  std::shared_ptr<BackendState> state_;
  BackendState::PerWorker& mine_;
  OnTrouble on_trouble_;
  OnSlotFree on_slot_free_;
  OnEvidence on_evidence_;
  std::function<void()> on_suspect_;
  config::Ejection ejection_;
  balance::Latency latency_;
  Connections connections_;
  List<DrainSubscription, &DrainSubscription::hook_> notices_;
  std::string version_;
  unsigned worker_;
  uint32_t weight_ = 1;
  uint32_t most_requests_ = 0;
  bool closed_ = false;
  bool suspect_ = false;
  bool reported_ = false;
  bool said_draining_ = false;
};

}  // namespace sluice::upstream
