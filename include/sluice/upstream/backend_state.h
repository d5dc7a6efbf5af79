// What is known of one backend (pool, address) in the whole process: control writes its health, workers their
// counts. It outlives generations.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/gate.h>
#include <sluice/observe/counters.h>
#include <sluice/upstream/concurrency_limit.h>
#include <sluice/upstream/consecutive_failures.h>
#include <sluice/upstream/health.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::upstream {

class BackendState {
 public:
  /// One worker's part, on cache lines of its own.
  struct alignas(64) PerWorker {
    Gate in_flight;
    observe::Counter requests;
    observe::Counter failures;
    unsigned index = 0;
    PerWorker* next = nullptr;
  };

  BackendState(std::string pool, Address address) : pool_(std::move(pool)), address_(std::move(address)) {}
  ~BackendState();
  BackendState(const BackendState&) = delete;
  BackendState& operator=(const BackendState&) = delete;

  const std::string& pool() const { return pool_; }
  const Address& address() const { return address_; }

  /// Any thread; written by control alone.
  HealthState health() const { return health_.load(std::memory_order_acquire); }
  void set_health(HealthState health) { health_.store(health, std::memory_order_release); }

  /// What the last probe that did not pass was answered; empty once one has passed, an admin has said that
  /// it is ready, or it is probed no more. Written by control, any thread reads. Locks for the moment.
  std::string probe_answer() const {
    const std::lock_guard lock(answering_);
    return probe_answer_;
  }
  void set_probe_answer(const std::string& answer) {
    const std::lock_guard lock(answering_);
    if (probe_answer_ != answer) probe_answer_ = answer;
  }

  /// Control's: a process before this one has asked it already.
  void set_inherited() { is_inherited_ = true; }
  bool is_inherited() const { return is_inherited_; }

  /// It has become healthy at that time, and shall get its weight bit by bit where the pool wants that.
  /// Written by control, any thread reads; zero: it was healthy when it was first heard of.
  void warm_up_from(TimePoint now) { healthy_since_.store(now, std::memory_order_relaxed); }
  TimePoint healthy_since() const { return healthy_since_.load(std::memory_order_relaxed); }

  /// Where the pool ejects: what failed since something went well.
  ConsecutiveFailures& failures_in_a_row() { return failures_; }

  /// Stays where it is. Locks for the moment of a look-up: for when a worker first hears of the backend.
  PerWorker& worker(unsigned index);
  ConcurrencyLimit& concurrency() { return concurrency_; }

  /// Sums over the workers. Any thread, no lock.
  size_t in_flight() const;
  uint64_t requests() const;
  uint64_t failures() const;

 private:
  const std::string pool_;
  const Address address_;
  std::atomic<HealthState> health_{HealthState::starting};
  ConsecutiveFailures failures_;
  std::atomic<TimePoint> healthy_since_{};
  bool is_inherited_ = false;
  /// A list, so that no more is kept than there are workers, and sums need no lock: an entry stays.
  std::atomic<PerWorker*> first_{nullptr};
  std::mutex adding_;
  mutable std::mutex answering_;
  std::string probe_answer_;  // guarded by answering_
  ConcurrencyLimit concurrency_;
};

}  // namespace sluice::upstream
