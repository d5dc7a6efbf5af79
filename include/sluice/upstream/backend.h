// One backend as one worker sees it: what is in flight to it, and its idle connections.
#pragma once

#include <sluice/balance/latency.h>
#include <sluice/base/clock.h>
#include <sluice/base/list.h>
#include <sluice/config/ejection.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/evidence.h>
#include <sluice/upstream/keep_alive.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::upstream {

/// Opens connections to backends; the seam at which a simulation puts its own.
class Dialer {
 public:
  using OnDialed = std::function<void(Result<std::unique_ptr<wire::ClientStream>>)>;
  virtual ~Dialer() = default;
  /// No bound in time of its own.
  [[nodiscard]] virtual Wait dial(const Address& address, OnDialed on_dialed) = 0;
  /// A tunnel's connection that another owner has opened; `read` has come on it and is not passed on.
  virtual Result<std::unique_ptr<wire::ClientStream>> adopt_tunnel(net::Descriptor /*connection*/,
                                                                   std::string /*read*/) {
    return wire::cannot_be_left();
  }
};

class Backend;

/// Somebody who has to know when a backend drains or leaves: a tunnel, which would stay for ever. Dropping it
/// is enough to leave.
class DrainNotice {
 public:
  DrainNotice() = default;
  explicit DrainNotice(std::function<void()> on_drain) : on_drain_(std::move(on_drain)) {}
  void drop() { hook_.unlink(); }
  /// The backend has not drained.
  bool is_waiting() const { return hook_.is_linked(); }

 private:
  friend class Backend;
  ListHook hook_;
  std::function<void()> on_drain_;
};

/// The right to send one attempt to a backend. While it lives the attempt is in flight.
class Lease {
 public:
  Lease(Lease&& other) = default;
  /// What this one had goes with `other`.
  Lease& operator=(Lease&& other) noexcept {
    std::swap(backend_, other.backend_);
    std::swap(place_, other.place_);
    std::swap(pass_, other.pass_);
    return *this;
  }
  Backend& backend() const { return *backend_; }

 private:
  friend class Backend;
  /// Of those that the backend takes at a time, when there is a bound.
  class Place {
   public:
    Place(Backend& backend, bool is_counted) : backend_(&backend), is_counted_(is_counted) {}
    Place(Place&& other) noexcept
        : backend_(std::exchange(other.backend_, nullptr)), is_counted_(other.is_counted_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(backend_, other.backend_);
      std::swap(is_counted_, other.is_counted_);
      return *this;
    }
    ~Place();

   private:
    Backend* backend_;
    bool is_counted_;
  };
  Lease(std::shared_ptr<Backend> backend, Place place, Gate::Pass pass)
      : backend_(std::move(backend)), place_(std::move(place)), pass_(std::move(pass)) {}

  std::shared_ptr<Backend> backend_;  // Outlives the others.
  Place place_;                       // Left when nothing is in flight for it any more.
  Gate::Pass pass_;
};

/// One worker's. Shared by the pool's members and the leases on it.
class Backend {
 public:
  /// Something in traffic says that it is worth a probe at once.
  using OnTrouble = std::function<void(const std::shared_ptr<BackendState>&)>;

  /// A request has ended, and this worker waits for that.
  using OnRoom = std::function<void(const std::shared_ptr<BackendState>&, unsigned worker)>;

  /// Control is to judge what was seen.
  using OnEvidence = std::function<void(const std::shared_ptr<BackendState>&, const Evidence&)>;

  Backend(std::shared_ptr<BackendState> state, unsigned worker, OnTrouble on_trouble, OnRoom on_room = {},
          OnEvidence on_evidence = {});
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const Address& address() const { return state_->address(); }
  const std::shared_ptr<BackendState>& state() const { return state_; }
  uint32_t weight() const { return weight_; }

  /// As the newest generation has it. `closed`: drained by an admin, or no longer in the pool.
  void configure(uint32_t weight, bool closed, Duration idle);
  /// It may be given requests, but for their number.
  bool is_usable() const { return !closed_ && !suspect_ && state_->health() == HealthState::healthy; }
  bool is_available() const { return is_usable() && has_room(); }
  /// Probes say no, or nothing yet, or traffic says no, and it may be tried all the same when there is no
  /// other; a connection that was refused lasts until a probe has looked.
  bool is_worth_a_try() const {
    const HealthState health = state_->health();
    return !closed_ && !suspect_ && health != HealthState::healthy && health != HealthState::draining;
  }

  /// As the newest generation has it.
  void set_ejection(const config::Ejection& settings) { ejection_ = settings; }

  /// A tag for reports; may be empty.
  void set_version(const std::string& version) { version_ = version; }
  const std::string& version() const { return version_; }

  /// At a time and over all workers; 0: no bound.
  void set_most_requests(uint32_t most) { most_requests_ = most; }
  bool has_room() const { return most_requests_ == 0 || !is_full(); }
  /// Requests of other workers wait for the next room here: who comes now must not overtake them.
  bool is_awaited_by_others() const {
    return most_requests_ != 0 && state_->room().is_awaited_by_others(worker_);
  }
  /// Nothing when other workers have taken the last room meanwhile. `self` is this.
  static std::optional<Lease> lease(const std::shared_ptr<Backend>& self);
  /// For what goes on that another owner began: it has no place to wait for.
  static Lease lease_beyond_bound(const std::shared_ptr<Backend>& self);
  /// This worker has requests that wait, or has no more: whether it is to be told when there is room.
  void wait_for_room(bool waits);
  /// Somebody else's turn, when there is room left.
  void pass_on_room();

  /// A response's head has come, so long after the request was sent.
  void answered(TimePoint now, Duration took) { latency_.record(now, took); }
  const balance::Latency& latency() const { return latency_; }

  /// The connection used last, or nothing.
  std::unique_ptr<wire::ClientStream> take_idle();
  /// One for what may not be sent twice: the kernel knows nothing bad of it, and the backend is not about to
  /// close it as far as one can tell. `unproven`: see KeepAlive::trusted().
  std::unique_ptr<wire::ClientStream> take_trusted(Duration unproven);
  /// The value of a Keep-Alive field of the backend's.
  void says_keep_alive(std::string_view value) { keep_alive_.said(value); }
  /// Keeps it for the next request, when it may be reused and there may be one; else closes it.
  void give_back(std::unique_ptr<wire::ClientStream> connection);
  size_t idle_connections() const { return idle_.size(); }

  /// Runs the notice's callback once, when the backend drains or leaves; at once when it already does.
  void tell_of_drain(DrainNotice& notice);
  /// Its pool is gone: whoever wanted to know of a drain is told.
  void pool_gone();

  /// A response has come whole.
  void answered_whole(int status) {
    if (!ejection_.enabled) return;
    if (ejection_.counts(status)) return count_failure(observe::Cause::ok, status);
    state_->row().end();
  }
  /// Nobody took the connection: nothing more goes there before a probe has looked.
  void connect_failed(observe::Cause cause = observe::Cause::connect_refused);
  /// A connection broke in an exchange, or brought nothing in time: a probe shall look, and traffic goes on.
  void connection_broke(observe::Cause cause = observe::Cause::backend_closed);
  /// A response says that it drains: nothing more goes there before control has heard of it.
  void said_it_drains();
  /// It has given a request back that it has no time for: a probe shall look whether it drains.
  void gave_back() { report(); }
  /// A probe has looked, or the state has changed.
  void checked();

 private:
  friend class Lease;
  bool is_full() const;
  void count_failure(observe::Cause cause, int status);
  void leave(bool was_counted);
  void report();
  bool drains() const { return closed_ || state_->health() == HealthState::draining; }
  void tell_all();
  void drop(wire::ClientStream& connection);

  std::shared_ptr<BackendState> state_;
  BackendState::PerWorker& mine_;
  OnTrouble on_trouble_;
  OnRoom on_room_;
  OnEvidence on_evidence_;
  config::Ejection ejection_;
  balance::Latency latency_;
  KeepAlive keep_alive_;
  std::vector<std::unique_ptr<wire::ClientStream>> idle_;  // The longest idle first.
  List<DrainNotice, &DrainNotice::hook_> notices_;
  std::string version_;
  Duration idle_timeout_{};
  unsigned worker_;
  uint32_t weight_ = 1;
  uint32_t most_requests_ = 0;
  bool closed_ = false;
  bool suspect_ = false;
  bool reported_ = false;
  bool said_draining_ = false;
};

}  // namespace sluice::upstream
