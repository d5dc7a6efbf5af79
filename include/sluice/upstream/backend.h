// One backend as one worker sees it: what is in flight to it, and its idle connections.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/list.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
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
  Lease(std::shared_ptr<Backend> backend, Gate::Pass pass)
      : backend_(std::move(backend)), pass_(std::move(pass)) {}
  Backend& backend() const { return *backend_; }

 private:
  std::shared_ptr<Backend> backend_;  // Before pass_: outlives it.
  Gate::Pass pass_;
};

/// One worker's. Shared by the pool's members and the leases on it.
class Backend {
 public:
  /// Something in traffic says that it is worth a probe at once.
  using OnTrouble = std::function<void(const std::shared_ptr<BackendState>&)>;

  Backend(std::shared_ptr<BackendState> state, unsigned worker, OnTrouble on_trouble);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const Address& address() const { return state_->address(); }
  const std::shared_ptr<BackendState>& state() const { return state_; }
  uint32_t weight() const { return weight_; }

  /// As the newest generation has it. `closed`: drained by an admin, or no longer in the pool.
  void configure(uint32_t weight, bool closed, Duration idle);
  bool is_available() const { return !closed_ && !suspect_ && state_->health() == HealthState::healthy; }

  Gate::Pass enter();

  /// The connection used last, or nothing.
  std::unique_ptr<wire::ClientStream> take_idle();
  /// Keeps it for the next request, when it may be reused and there may be one; else closes it.
  void give_back(std::unique_ptr<wire::ClientStream> connection);
  size_t idle_connections() const { return idle_.size(); }

  /// Runs the notice's callback once, when the backend drains or leaves; at once when it already does.
  void tell_of_drain(DrainNotice& notice);
  /// Its pool is gone: whoever wanted to know of a drain is told.
  void pool_gone();

  /// Nobody took the connection: nothing more goes there before a probe has looked.
  void connect_failed();
  /// A connection broke in an exchange: a probe shall look, and traffic goes on.
  void connection_broke();
  /// A probe has looked, or the state has changed.
  void checked();

 private:
  void report();
  bool drains() const { return closed_ || state_->health() == HealthState::draining; }
  void tell_all();
  void drop(wire::ClientStream& connection);

  std::shared_ptr<BackendState> state_;
  BackendState::PerWorker& mine_;
  OnTrouble on_trouble_;
  std::vector<std::unique_ptr<wire::ClientStream>> idle_;
  List<DrainNotice, &DrainNotice::hook_> notices_;
  Duration idle_timeout_{};
  uint32_t weight_ = 1;
  bool closed_ = false;
  bool suspect_ = false;
  bool reported_ = false;
};

}  // namespace sluice::upstream
