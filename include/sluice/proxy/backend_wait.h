// A request's wait for a backend, in its pool's queue.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/wait.h>
#include <sluice/observe/cause.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/upstream/pool.h>

#include <string_view>

namespace sluice::proxy {

/// What a wait comes to. Each call may drop it.
class BackendWaitOwner {
 public:
  virtual void on_backend(upstream::Lease lease) = 0;
  /// The cause to answer with, and more about it; empty: there is no more to say.
  virtual void on_no_backend(observe::Cause cause, std::string_view details) = 0;
  /// The client has closed its connection meanwhile.
  virtual void on_client_left() = 0;

 protected:
  ~BackendWaitOwner() = default;
};

/// May begin again and again: the pool's bound is for all that the request has waited. One thread's. Dropping
/// it gives its place up: no callback can reach the owner.
class BackendWait {
 public:
  /// Both outlive it.
  BackendWait(InFlight& flight, BackendWaitOwner& owner) : flight_(flight), owner_(owner) {}
  BackendWait(const BackendWait&) = delete;
  BackendWait& operator=(const BackendWait&) = delete;

  /// May call the owner: the caller's last line.
  void begin(const upstream::PickRequest& ask);
  /// Any backend will do from now on (upstream::QueueEntry says more).
  void take_any() { place_.take_any(); }
  void stop();

 private:
  void look_for_client();
  void on_lease(Result<upstream::Lease> lease);

  InFlight& flight_;
  BackendWaitOwner& owner_;
  upstream::QueueEntry place_;
  Deadline client_look_{[this] { look_for_client(); }};
  Wait wait_;
};

}  // namespace sluice::proxy
