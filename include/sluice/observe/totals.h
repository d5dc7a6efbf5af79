// All counters of a process, summed over its workers, and over the processes that it has taken over from.
#pragma once

#include <sluice/observe/worker_counters.h>

#include <array>
#include <cstdint>

namespace sluice::observe {

struct Totals {
  uint64_t accepted = 0;
  std::array<uint64_t, observe::kDispositions> ended{};
  uint64_t retries = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections = 0;
  uint64_t connections_displaced = 0;
  observe::TallySums tallies{};

  void add(const observe::WorkerCounters& worker) {
    accepted += worker.accepted.get();
    for (size_t i = 0; i < observe::kDispositions; ++i) ended[i] += worker.ended[i].get();
    retries += worker.retries.get();
    connections_accepted += worker.connections_accepted.get();
    connections += worker.connections.get();
    connections_displaced += worker.connections_displaced.get();
    worker.tallies.add_to(tallies);
  }
  void add(const Totals& other) {
    accepted += other.accepted;
    for (size_t i = 0; i < observe::kDispositions; ++i) ended[i] += other.ended[i];
    retries += other.retries;
    connections_accepted += other.connections_accepted;
    connections += other.connections;
    connections_displaced += other.connections_displaced;
    for (const auto& [key, count] : other.tallies) tallies[key] += count;
  }
  bool operator==(const Totals&) const = default;
};

}  // namespace sluice::observe
