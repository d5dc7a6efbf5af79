// Client connections on their way to the process that has taken over: connections that workers have released
// wait here, and go message by message. Until the other process has acknowledged a connection, it is still
// this process's.
#pragma once

#include <sluice/proxy/migrated_connection.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <vector>

namespace sluice::control {

/// Control's. Pure, but for the descriptors.
class Migration {
 public:
  using Batch = std::vector<proxy::MigratedConnection>;
  /// Sends copies of the first ones, as many as it can, and returns how many. 0: the other process will get
  /// none.
  using Send = std::function<size_t(std::span<const proxy::MigratedConnection>)>;
  using OnReturned = std::function<void(proxy::MigratedConnection)>;

  /// Connections that cannot go, now or later, go back by `on_returned`.
  void on_returned(OnReturned on_returned) { on_returned_ = std::move(on_returned); }
  /// Runs when no process takes connections any more, before the first connection goes back.
  void on_closed(std::function<void()> on_closed) { on_closed_ = std::move(on_closed); }

  /// The other process takes connections, with up to `room` descriptors for now. Only while it is not open.
  void open(size_t room, Send send);
  bool is_open() const { return static_cast<bool>(send_); }
  void add(proxy::MigratedConnection connection);
  /// The other process has taken the last message's connections, except those at these places in it; it has
  /// `room` for more descriptors.
  void acknowledge(const std::vector<size_t>& refused, size_t room);
  /// No process takes connections any more.
  void close();
  /// This process is at its end: connections that were not sent go back, to end here and be counted. Those
  /// that were sent and not acknowledged may be the other process's by now.
  void abandon();
  /// While held, none is sent; is_acknowledged() holds once the other process has said which of the last ones
  /// it has.
  void pause(bool held);
  bool is_acknowledged() const { return sent_.empty(); }
  /// No process takes connections any more, and these are the caller's again.
  Batch reclaim();

  /// On their way: counted nowhere else.
  size_t size() const { return waiting_.size() + sent_.size(); }

 private:
  void send_next();
  void return_what_has_no_room();

  Send send_;
  OnReturned on_returned_;
  std::function<void()> on_closed_;
  std::deque<proxy::MigratedConnection> waiting_;
  Batch sent_;  // the message that is not acknowledged yet: one at a time
  size_t room_ = 0;
  bool held_ = false;
};

}  // namespace sluice::control
