// One pool as one worker sees it: its backends now, and the requests that wait for one. It outlives
// generations: an older generation's request, too, goes to a backend that is there now.
#pragma once

#include <sluice/balance/policy.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>
#include <sluice/config/config.h>
#include <sluice/upstream/backend.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::upstream {

/// A request's place in a pool's queue; a member of the request.
class QueuePlace {
 public:
  using OnLease = std::function<void(Result<Lease>)>;

 private:
  friend class Pool;
  ListHook hook_;
  Deadline deadline_;
  Pending<Result<Lease>> pending_{[this] { leave(); }};
  std::span<const Backend* const> tried_;
  size_t* length_ = nullptr;

  void leave();

 public:
  ~QueuePlace() { leave(); }
};

/// One worker's. Shared by the generations that route to it.
class Pool {
 public:
  /// `worker` of `workers`: each worker's queue holds its share of the pool's bound.
  Pool(std::string name, Deadlines& deadlines, unsigned worker, unsigned workers);

  const std::string& name() const { return name_; }

  /// The newest generation's settings and backends (of the same order and length as in `config`).
  void update(std::shared_ptr<const config::Pool> config, std::vector<std::shared_ptr<Backend>> backends);
  const std::vector<std::shared_ptr<Backend>>& backends() const { return backends_; }
  /// What update() was given last.
  const std::shared_ptr<const config::Pool>& config() const { return config_; }

  /// The backend at this address, whether or not it is available; nothing when it is not there.
  std::optional<Lease> lease_on(const Address& address);
  /// A backend that is available now, one that was not tried if there is one.
  std::optional<Lease> try_pick(std::span<const Backend* const> tried);

  /// Waits in arrival order until a backend is available: at most `bound`, then an Error of code unavailable.
  /// `tried` is the caller's and must stay. The queue must not be full.
  [[nodiscard]] Wait wait_for_backend(QueuePlace& place, std::span<const Backend* const> tried,
                                      Duration bound, QueuePlace::OnLease on_lease);
  /// So many workers share the queue's bound from now on.
  void share_among(unsigned workers) { workers_ = workers; }
  bool is_queue_full() const;
  size_t queued() const { return queued_; }

  /// No generation to come has this pool: its tunnels are told to end, and whoever waits gets the Error of
  /// code unavailable, since nobody looks after its backends any more.
  void retire();

  /// Something has become available, perhaps: serves those who wait.
  void wake();

 private:
  std::optional<Lease> pick(std::span<const Backend* const> tried);

  std::string name_;
  Deadlines& deadlines_;
  unsigned workers_;
  std::shared_ptr<const config::Pool> config_;
  std::vector<std::shared_ptr<Backend>> backends_;
  std::vector<balance::Candidate> candidates_;  // Scratch, of backends_'s length.
  std::unique_ptr<balance::Policy> policy_;
  size_t queued_ = 0;  // Before queue_: places that leave count down.
  List<QueuePlace, &QueuePlace::hook_> queue_;
};

}  // namespace sluice::upstream
