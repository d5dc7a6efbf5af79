// All workers together, with what control keeps of each: its counters, and what is on its way to it.
#pragma once

#include <sluice/lifecycle/totals.h>
#include <sluice/net/loop.h>
#include <sluice/observe/counters.h>
#include <sluice/proxy/client_counts.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lifecycle/worker.h"

namespace sluice::lifecycle {

/// Control's. Destroying it ends the threads: what their tasks and callbacks use outlives it.
class Crew {
 public:
  /// Control's loop.
  explicit Crew(net::Loop& loop) : loop_(loop) {}

  /// Whom the workers tell. Each runs on a worker's thread.
  struct Told {
    std::function<void(const std::shared_ptr<upstream::BackendState>&)> of_trouble;
    std::function<void(uint64_t generation)> of_drained_generation;
    std::function<void(proxy::MovedConnection)> of_moved;
  };
  /// Once.
  void start(unsigned count, const Told& told);

  unsigned size() const { return static_cast<unsigned>(workers_.size()); }
  Worker& operator[](size_t index) const { return *workers_[index]; }
  void post_to_all(const std::function<void(proxy::Service&)>& task) const;
  /// Runs the callback once every worker has been through its loop.
  void ask_all(std::function<void()> all_answered) const;

  /// To one worker after the other: `how` is to take it.
  void give(proxy::MovedConnection connection, void (proxy::Service::*how)(proxy::MovedConnection));
  /// Open ones, and those on their way to a worker. What workers have posted is not looked at.
  uint64_t connections() const;
  void add_to(Totals& totals) const;

 private:
  net::Loop& loop_;
  std::vector<observe::WorkerCounters> counters_;
  proxy::ClientCounts client_counts_;
  uint64_t giving_ = 0;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;  // Last: their threads end before what they use does.
};

}  // namespace sluice::lifecycle
