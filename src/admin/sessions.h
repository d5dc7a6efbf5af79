// All connections to the admin socket, and which of them ends so that there is room for another.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/net/transport.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "admin/session.h"

namespace sluice::admin {

struct SessionLimits {
  size_t most = 64;        ///< sessions, however many of them wait for something
  size_t spare = 8;        ///< places more, for takeovers and commands that wait for nothing
  Duration idle{300'000};  ///< after which one ends
  Duration at_least{200};  ///< idle before one has to make room: a new client is about to send
};

/// One thread's. Beyond `most` sessions whichever has been idle for longest ends. Those that wait or follow
/// stay, and leave the spare places to others.
class Sessions {
 public:
  /// `on_full` and `on_room` run when no client is to be accepted, and when clients are again.
  Sessions(Executor& executor, Log& log, SessionLimits limits, std::function<void()> on_full,
           std::function<void()> on_room);

  void add(std::unique_ptr<net::Transport> transport, Context context);
  /// Ends those that `which` holds for, as Session::end.
  void end(bool (*which)(const Session&), const Error& error);
  bool has_pending_clients() const;
  size_t size() const { return sessions_.size(); }

 private:
  void remove(Session& session);
  void make_room();
  Session* idle_for_longest() const;
  bool may_wait() const;
  void tell(std::string_view what, const Session* session);

  Executor& executor_;
  Log& log_;
  SessionLimits limits_;
  std::function<void()> on_full_;
  std::function<void()> on_room_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Deadline look_again_{[this] { make_room(); }};
  TimePoint told_at_{};
  bool has_told_ = false;
  size_t cut_ = 0;  // since the last warning
};

}  // namespace sluice::admin
