// All that one worker counts.
#pragma once

#include <sluice/observe/counters.h>
#include <sluice/observe/tallies.h>

#include <array>

namespace sluice::observe {

/// On cache lines of its own. At any moment between two turns of the worker's loop
/// accepted + taken = the sum of `ended` + left + the exchanges that it has.
struct alignas(64) WorkerCounters {
  Counter accepted;  ///< requests whose head was complete, or refused
  std::array<Counter, kDispositions> ended;
  Counter taken;  ///< tunnels that another process, or worker, has accepted
  Counter left;   ///< tunnels that another process, or worker, has taken
  Counter retries;
  Counter connections_accepted;
  Counter connections_displaced;  ///< that rested and were closed for new ones
  Gauge connections;
  Tallies tallies;

  void end(Disposition disposition) { ended[static_cast<size_t>(disposition)].add(); }
};

}  // namespace sluice::observe
