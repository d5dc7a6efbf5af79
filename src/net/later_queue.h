// The callbacks of one loop that are to run in a later turn.
#pragma once

#include <sluice/net/later.h>

#include "net/handle.h"

namespace sluice::net {

/// Run in the order in which they were added.
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
