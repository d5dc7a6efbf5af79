// What is known at once but must be told later: callbacks that run in a later turn of the loop, never under
// the call that caused them. No allocation, no system call, no wait.
#pragma once

#include <sluice/base/list.h>

#include "net/handle.h"

namespace sluice::net {

/// One such callback, a member of its owner. Dropping it cancels.
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

/// Those of one loop, run in the order in which they were added.
class LaterQueue {
 public:
  explicit LaterQueue(uv_loop_t* loop);

  /// Runs `later` once, in a later turn. Does nothing when it is to run already.
  void add(Later& later);
  bool empty() const { return waiting_.empty(); }
  void close() { idle_.close(); }

 private:
  void run();

  Handle<uv_idle_t> idle_;  // Active while something waits: the loop then does not sleep.
  List<Later, &Later::hook_> waiting_;
};

}  // namespace sluice::net
