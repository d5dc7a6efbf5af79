// The ledger of dispositions: whether every request that was accepted has ended in exactly one (promise 11).
// Pure.
#pragma once

#include <sluice/observe/worker_counters.h>

#include <array>
#include <cstdint>
#include <numeric>

namespace sluice::observe {

/// One worker's at one moment, or a sum of such.
struct Account {
  unsigned worker = 0;
  uint64_t accepted = 0;
  uint64_t adopted = 0;     ///< tunnels of another owner
  uint64_t handed_off = 0;  ///< tunnels that another process has
  uint64_t in_flight = 0;   ///< exchanges that there are: counted one by one, not by subtraction
  std::array<uint64_t, kDispositions> ended{};

  uint64_t ended_in_all() const { return std::accumulate(ended.begin(), ended.end(), uint64_t{0}); }
  bool is_balanced() const { return accepted + adopted == ended_in_all() + handed_off + in_flight; }
  void add(const Account& other);
};

/// Exact on the worker's own thread, and when it has ended; else a moment's guess.
Account account_of(const WorkerCounters& counters, unsigned worker, uint64_t in_flight);

}  // namespace sluice::observe
