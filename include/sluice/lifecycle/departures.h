// Client connections on their way to the process that has taken over: those that workers have let go of wait
// here, and go message by message. Until the other process has said that it has one, it is still ours.
#pragma once

#include <sluice/proxy/moved_connection.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <vector>

namespace sluice::lifecycle {

/// Control's. Pure, but for the descriptors.
class Departures {
 public:
  using Batch = std::vector<proxy::MovedConnection>;
  /// Sends copies of the first ones, as many as it can, and returns how many. 0: nobody will get any.
  using Send = std::function<size_t(std::span<const proxy::MovedConnection>)>;
  using OnReturned = std::function<void(proxy::MovedConnection)>;

  /// Those that do not go, now and later, go back by `on_returned`.
  void on_returned(OnReturned on_returned) { on_returned_ = std::move(on_returned); }
  /// Runs when nobody takes connections any more, before the first of them goes back.
  void on_closed(std::function<void()> on_closed) { on_closed_ = std::move(on_closed); }

  /// Somebody takes connections, `room` of them for now. Once.
  void open(size_t room, Send send);
  bool is_open() const { return static_cast<bool>(send_); }
  void add(proxy::MovedConnection connection);
  /// The other process has the last message's, but for those at these places in it; it has room for more.
  void taken(const std::vector<size_t>& refused, size_t room);
  /// Nobody takes connections any more.
  void close();
  /// The process is at its end: what was not sent goes back, to end here and be counted. What was sent and
  /// not answered may be the other process's by now.
  void give_up();
  /// While held none is sent: is_quiet() once the other process has said what it has of the last ones.
  void hold(bool held);
  bool is_quiet() const { return sent_.empty(); }
  /// Nobody takes connections any more, and these are the owner's again.
  Batch take_back();

  /// On their way: counted nowhere else.
  size_t size() const { return waiting_.size() + sent_.size(); }

 private:
  void send_next();

  Send send_;
  OnReturned on_returned_;
  std::function<void()> on_closed_;
  std::deque<proxy::MovedConnection> waiting_;
  Batch sent_;  // the message that is not acknowledged yet: one at a time
  size_t room_ = 0;
  bool held_ = false;
};

}  // namespace sluice::lifecycle
