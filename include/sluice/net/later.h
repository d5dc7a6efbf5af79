// What is known at once but must be reported later: callbacks that run in a later turn of the loop, never
// under the call that caused them. No allocation, no system call, no wait.
#pragma once

#include <sluice/base/list.h>

namespace sluice::net {

/// One such callback, a member of its owner; Loop::run_later() puts it there. Dropping it cancels.
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

}  // namespace sluice::net
