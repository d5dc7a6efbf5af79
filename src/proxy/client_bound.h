// server.max_connections, as one worker keeps it: at the bound the longest idle connection of all workers is
// closed for a new client, and while none is idle no client is accepted.
#pragma once

#include <sluice/base/executor.h>
#include <sluice/proxy/service.h>
#include <sluice/wire/resting.h>

#include <functional>
#include <optional>

namespace sluice::proxy {

class ClientBound {
 public:
  /// `on_pause` stops accepting, or goes on.
  ClientBound(Executor& executor, const ServiceSettings& settings, wire::RestingConnections& resting,
              std::function<void(bool paused)> on_pause);

  void set_most(uint64_t most);
  /// One connection more, which has been accepted and does not rest yet.
  void enter();
  /// One that was another owner's: nothing is closed for it.
  void enter_moved();
  void leave();
  bool is_paused() const { return paused_; }
  /// Nothing is accepted any more.
  void stop() { paused_ = false; }
  /// Closes the connection of this worker that has rested the longest, if there are too many.
  void close_longest();

 private:
  TimePoint latest_rest() const;
  bool may_accept() const;
  void make_room();
  void note_room();
  void pause();
  void resume();
  void look_for_room();

  Executor& executor_;
  const ServiceSettings& settings_;
  ClientRoom& room_;
  wire::RestingConnections& resting_;
  std::function<void(bool)> on_pause_;
  uint64_t most_ = 1;
  bool owes_room_ = false;  // a client was accepted for which no other could be closed yet
  bool paused_ = false;
  Deadline look_{[this] { look_for_room(); }};
  std::optional<TimePoint> told_full_;
};

}  // namespace sluice::proxy
