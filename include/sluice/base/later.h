// What is known at once but must be reported later: callbacks that run in a later turn, never under the call
// that caused them. No allocation, no system call, no wait.
#pragma once

#include <sluice/base/list.h>

namespace sluice {

/// One such callback, a member of its owner; Executor::run_later() puts it there. Dropping it cancels.
class Later {
 public:
  using Callback = void (*)(void* owner);
  Later(void* owner, Callback callback) : owner_(owner), callback_(callback) {}

  void cancel() { hook_.unlink(); }

 private:
  friend class LaterQueue;
  void* owner_;
  Callback callback_;
  ListHook hook_;
};

/// Those that wait for their turn. An executor's.
class LaterQueue {
 public:
  /// Does nothing when it waits already.
  void add(Later& later) {
    if (!later.hook_.is_linked()) waiting_.push_back(later);
  }
  bool empty() const { return waiting_.empty(); }

  /// One turn: runs what waits, in the order in which it was added. What is added meanwhile belongs to the
  /// next one.
  void run() {
    List<Later, &Later::hook_> due;
    while (Later* later = waiting_.pop_front()) due.push_back(*later);
    while (Later* later = due.pop_front()) later->callback_(later->owner_);
  }

 private:
  List<Later, &Later::hook_> waiting_;
};

}  // namespace sluice
