// The workers, with what control keeps of each, and how their number changes while they serve: a worker that
// is one too many accepts nothing more, finishes the requests it has, leaves its connections to the others,
// and then ends.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/lifecycle/totals.h>
#include <sluice/net/loop.h>
#include <sluice/observe/account.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/client_counts.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "lifecycle/worker.h"

namespace sluice::lifecycle {

/// Control's. A worker is known by its number, from 0 on; those that accept are the first ones.
class Workers {
 public:
  using Task = std::function<void(proxy::Service&)>;
  using Settings = std::function<proxy::ServiceSettings(unsigned worker)>;

  /// `on_gone` runs when a worker has ended.
  Workers(net::Loop& loop, Log& log, Settings settings, std::function<void(unsigned worker)> on_gone)
      : loop_(loop), log_(log), settings_(std::move(settings)), on_gone_(std::move(on_gone)) {}

  /// Starts what is missing of the first `count`; on error none of them stays. They do nothing yet.
  Result<void> start(unsigned count);
  /// The first `count`, which live, are those that accept.
  void set_accepting(unsigned count) { accepting_ = count; }
  /// Those that do not accept leave their connections, and may end once they have nothing left. To be called
  /// when they have been told to stop accepting.
  void let_go();
  /// Nobody ends any more: the process does.
  void hold_all() { holds_all_ = true; }

  unsigned accepting() const { return accepting_; }
  /// All numbers are below this.
  unsigned bound() const { return static_cast<unsigned>(slots_.size()); }
  std::set<unsigned> living() const;
  bool lives(unsigned worker) const { return worker < slots_.size() && slots_[worker].worker != nullptr; }

  void post(unsigned worker, Task task) { slots_[worker].worker->post(std::move(task)); }
  void post_all(const Task& task);
  /// Runs the callback once every worker has been through its loop.
  void ask_all(std::function<void()> all_answered);

  /// To one accepting worker after the other: `how` is to take it.
  void give(proxy::MovedConnection connection, void (proxy::Service::*how)(proxy::MovedConnection));
  /// Open ones, and those on their way to a worker. What workers have posted is not looked at.
  uint64_t connections() const;
  void add_to(Totals& totals) const;
  /// As far as one can tell from here: exact for workers that have ended, or do nothing any more.
  std::vector<observe::Account> accounts() const;

  /// For the settings of a worker; they outlive it, so that none goes back.
  observe::WorkerCounters& counters(unsigned worker);
  proxy::ClientCounts& client_counts() { return client_counts_; }
  upstream::QueueCounts& queue_counts() { return queue_counts_; }

 private:
  struct Slot {
    std::unique_ptr<Worker> worker{};
    bool is_leaving = false;
    uint64_t leave = 0;  // how often it was told to: news of an earlier time is old
  };
  void on_empty(unsigned worker, uint64_t leave);

  net::Loop& loop_;
  Log& log_;
  Settings settings_;
  std::function<void(unsigned)> on_gone_;
  unsigned accepting_ = 0;
  bool holds_all_ = false;
  std::deque<observe::WorkerCounters> counters_;
  proxy::ClientCounts client_counts_;
  upstream::QueueCounts queue_counts_;
  uint64_t giving_ = 0;
  unsigned next_ = 0;
  std::vector<Slot> slots_;  // Last: their threads end before what they use does.
};

}  // namespace sluice::lifecycle
