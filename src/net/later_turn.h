// The turns in which a loop runs what is for later.
#pragma once

#include <sluice/base/later.h>

#include "net/handle.h"

namespace sluice::net {

/// A loop's.
class LaterTurn {
 public:
  explicit LaterTurn(uv_loop_t* loop);

  /// Runs `later` once, in a later turn. Does nothing when it is to run already.
  void add(Later& later);
  bool empty() const { return waiting_.empty(); }
  void close() { idle_.close(); }

 private:
  Handle<uv_idle_t> idle_;  // Active while something waits: the loop then does not sleep.
  LaterQueue waiting_;
};

}  // namespace sluice::net
