// One connection to the admin socket: its commands one after the other, each answered before the next.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/net/transport.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/commands.h"

namespace sluice::admin {

/// Nothing was done: another process answers on the same socket.
Error moved();

/// One thread's. The owner destroys it when `on_over` says so.
class Session final : private net::Reader {
 public:
  /// Without a command, or a reader of its answers, for `idle` it ends.
  Session(Executor& executor, std::unique_ptr<net::Transport> transport, Context context, Duration idle,
          std::function<void(Session&)> on_over);

  /// Takes no more commands. When an answer is due, it is this, and so it is to the next command that comes;
  /// of a change that was made it is said that it was.
  void end(const Error& error);
  bool waits_for_verdict() const { return waits_for_verdict_; }

  /// Nothing is being done for it: no command runs, or the peer does not read, or is gone.
  bool is_idle() const;
  /// Since when, if it is.
  TimePoint idle_since() const { return last_progress_; }
  /// Ends it at once, with the error as far as the peer reads. What it has begun and not committed is lost.
  void cut(const Error& error);
  const Asker& asker() const { return context_.asker; }

  /// Has said nothing yet, or is in the middle of a script that goes on elsewhere.
  bool has_pending_clients() const { return is_silent_ || (refusal_ && !ended_); }

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  void next_line();
  void note_progress();
  void refuse_the_rest();
  void run(std::string_view line);
  void answer(const Reply& reply);
  Reply interrupted(const Error& error) const;
  void go_on_streaming();
  void end_stream();
  void leave_when_sent();
  void turn_over();

  Executor& executor_;
  std::unique_ptr<net::Transport> transport_;
  Context context_;  // What it has begun and not committed ends with it.
  std::function<void(Session&)> on_over_;
  std::string input_;
  std::optional<uint64_t> made_;  // by the command that it is busy with
  bool can_go_on_ = false;        // likewise: elsewhere
  std::optional<Error> refusal_;  // of every command from now on
  std::optional<Stream> stream_;  // while that is what it is busy with
  Wait wait_;
  Wait writable_;
  Deadline next_;  // line, after an answer that was waited for
  Duration idle_;
  Deadline idle_too_long_;
  TimePoint last_progress_{};
  bool json_ = false;
  bool busy_ = false;
  bool is_silent_ = true;
  bool waits_for_verdict_ = false;
  bool is_blocked_ = false;         // the peer reads more slowly than it asks
  bool is_stream_blocked_ = false;  // or than things happen
  bool reading_stopped_ = false;
  bool ended_ = false;  // the peer has said all it will
};

}  // namespace sluice::admin
