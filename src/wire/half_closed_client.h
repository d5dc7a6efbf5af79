// A client that has ended its direction, and waits for its answer or has left.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/net/transport.h>

#include <cstddef>
#include <functional>
#include <string_view>

namespace sluice::wire {

/// TCP has one sign for "I have said all" and "I am gone"; which of the two it was shows when something is
/// sent: a client that is gone answers with a reset. So the answer's first bytes, which are known before it,
/// go ahead of it one by one, at intervals that grow. Within an answer there is nothing to send ahead: a
/// stream that is silent would hold its backend for a client that has long left, so it ends.
class HalfClosedClient {
 public:
  /// Calls `on_gone` when the client turns out to have left; that may destroy this object. No byte of the
  /// answer has been written, or expect_answer_to_flow() is next.
  HalfClosedClient(Deadlines& deadlines, net::Transport& transport, std::function<void()> on_gone);

  /// The client ended its direction when its answer had begun.
  void expect_answer_to_flow();
  /// Before `first` is written: takes off it what has been sent ahead. `is_final` for all but interim heads.
  void skip_sent(std::string_view& first, bool is_final);

 private:
  void look();
  void report_gone();

  Deadlines& deadlines_;
  net::Transport& transport_;
  std::function<void()> on_gone_;
  Deadline next_;
  Duration interval_;
  size_t sent_ = 0;         // bytes of the answer to come
  bool answered_ = false;   // the answer has begun
  bool in_answer_ = false;  // the client ended its direction after that
  bool is_silent_ = true;   // nothing of the answer was written since the last look
};

}  // namespace sluice::wire
