// A request that has become a tunnel (101): two connections that carry bytes to each other until both
// directions have ended. Nothing but bytes is known of them.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/migrated_connection.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
#include <optional>

namespace sluice::proxy {

/// The backend's end of a tunnel: what an attempt has after its 101.
struct TunnelBackend {
  upstream::Lease lease;
  upstream::StreamPtr stream;
};

/// Dropping it drops its waits: no callback can reach it.
class Tunnel {
 public:
  /// The request has its outcome: leave the client's stream as said, and drop the tunnel.
  using OnOver = std::function<void(Ending)>;

  /// Both streams have switched protocols. `flight` outlives the tunnel.
  Tunnel(InFlight& flight, TunnelBackend backend, OnOver on_over);
  /// Carries bytes. `to_client` is blocked when the client's stream has bytes that have not left: nothing is
  /// passed on before. May call out: the caller's last line.
  void start(wire::Flow to_client);

  /// The client broke off, or was too slow.
  void client_gone(const Error& error);
  /// It is closed in order at this time; without one it is not to end, but for other reasons.
  void retire_at(std::optional<TimePoint> end);
  /// Until a drain of its backend, or the end of its listener, cuts it; nothing when neither is to come.
  std::optional<Duration> time_left() const;
  bool is_at(const upstream::BackendState& backend) const;
  /// For its next owner: this owner has only to drop it then, which gives the request no outcome. Nothing
  /// when it ends here, since its backend drains or both directions have ended, or since a connection cannot
  /// be left.
  std::optional<SuspendedTunnel> suspend();
  /// The process stops. The owner ends the client's stream.
  void stop() { end(observe::Cause::stopped); }

 private:
  /// A reason to end, and when it will. Withdrawing one leaves the other.
  struct Bound {
    explicit Bound(std::function<void()> on_end) : deadline(std::move(on_end)) {}
    /// Zero: no bound.
    void arm(Deadlines& deadlines, Duration after) {
      at = deadlines.clock().now() + after;
      deadlines.arm(deadline, after);
    }
    Deadline deadline;
    TimePoint at{};
  };

  struct Direction {
    wire::Pump pump{};
    bool has_ended = false;
    bool is_kept = false;  // the last of it has not left when it ended
  };

  void on_direction_end(Result<void> how, wire::BodySink& sink, Direction& direction);
  void finish_when_sent();
  void on_drain_signal(upstream::DrainSubscription::Says word);
  void arm_idle();
  void close(observe::Cause cause);
  void fail(const Error& error);
  void over(observe::Cause cause, Ending ending);
  void end(observe::Cause cause);

  InFlight& flight_;
  OnOver on_over_;
  upstream::Lease lease_;
  upstream::StreamPtr backend_;
  Deadline idle_{[this] { close(observe::Cause::tunnel_idle); }};
  Bound drain_bound_{[this] { close(observe::Cause::tunnel_drained); }};
  Bound retire_bound_{[this] { close(observe::Cause::tunnel_drained); }};
  upstream::DrainSubscription drain_{
      [this](upstream::DrainSubscription::Says word) { on_drain_signal(word); }};
  Wait flushed_;
  Direction up_;    // the client's. The last two: they use the streams.
  Direction down_;  // the backend's
};

}  // namespace sluice::proxy
