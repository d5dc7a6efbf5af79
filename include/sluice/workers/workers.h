// The workers, with what control keeps of each, and how their number changes while they serve: a surplus
// worker accepts nothing more, finishes the requests it has, leaves its connections to the others, and then
// ends.
#pragma once

#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/entrance/client_counts.h>
#include <sluice/observe/account.h>
#include <sluice/observe/totals.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/client_room.h>
#include <sluice/workers/worker.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace sluice::workers {

/// Control's. A worker is known by its number, from 0 on; those that accept are the first ones.
class Workers {
 public:
  using Task = std::function<void(proxy::Service&)>;
  using Settings = std::function<proxy::ServiceSettings(unsigned worker)>;

  /// `on_gone` runs when a worker has ended.
  Workers(Executor& executor, Log& log, Settings settings, std::function<void(unsigned worker)> on_gone)
      : executor_(executor), log_(log), settings_(std::move(settings)), on_gone_(std::move(on_gone)) {}

  /// Starts what is missing of the first `count`; on error none of them stays. They do nothing yet.
  Result<void> start(unsigned count);
  /// The first `count`, which are running, are those that accept.
  void set_accepting(unsigned count) { accepting_ = count; }
  /// Those that do not accept leave their connections, and may end once they have nothing left. To be called
  /// once they have been asked to stop accepting.
  void release_surplus();
  /// No worker ends by itself any more: the process ends.
  void keep_all() { keeps_all_ = true; }

  unsigned accepting() const { return accepting_; }
  /// All numbers are below this.
  unsigned bound() const { return static_cast<unsigned>(slots_.size()); }
  std::set<unsigned> running() const;
  bool is_running(unsigned worker) const {
    return worker < slots_.size() && slots_[worker].worker != nullptr;
  }

  void post(unsigned worker, Task task) { slots_[worker].worker->post(std::move(task)); }
  void post_all(const Task& task);
  /// Runs the callback once every worker has been through its loop.
  void ask_all(std::function<void()> all_answered);

  /// To one accepting worker after the other: `how` is to take it.
  void dispatch(proxy::MigratedConnection connection, void (proxy::Service::*how)(proxy::MigratedConnection));
  /// Open ones, and those on their way to a worker. What workers have posted is not looked at.
  uint64_t connections() const;
  void add_to(observe::Totals& totals) const;
  /// As control sees them: exact for workers that have ended, or do nothing any more.
  std::vector<observe::Account> accounts() const;

  /// For the settings of a worker; they outlive it, so that none goes back.
  observe::WorkerCounters& counters(unsigned worker);
  entrance::ClientCounts& client_counts() { return client_counts_; }
  proxy::ClientRoom& client_room() { return client_room_; }
  upstream::QueueCounts& queue_counts() { return queue_counts_; }

 private:
  struct Slot {
    std::unique_ptr<Worker> worker{};
    bool is_leaving = false;
    uint64_t leave = 0;  // how often release_surplus() has changed that: an earlier report is stale
  };
  void on_empty(unsigned worker, uint64_t leave);

  Executor& executor_;
  Log& log_;
  Settings settings_;
  std::function<void(unsigned)> on_gone_;
  unsigned accepting_ = 0;
  bool keeps_all_ = false;
  std::deque<observe::WorkerCounters> counters_;
  entrance::ClientCounts client_counts_;
  proxy::ClientRoom client_room_;
  upstream::QueueCounts queue_counts_;
  uint64_t dispatching_ = 0;
  unsigned next_ = 0;
  std::vector<Slot> slots_;  // Last: their threads end before what they use does.
};

}  // namespace sluice::workers
