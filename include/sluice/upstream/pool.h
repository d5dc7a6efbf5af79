// One pool as one worker sees it: its backends now, and the requests that wait for one. It outlives
// generations: an older generation's request, too, goes to a backend that is there now.
#pragma once

#include <sluice/balance/policy.h>
#include <sluice/base/alive.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>
#include <sluice/config/config.h>
#include <sluice/upstream/backend.h>
#include <sluice/upstream/queue_counts.h>
#include <sluice/upstream/retry_budget.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::upstream {

/// What a request asks of a pool.
struct PickRequest {
  std::span<const Backend* const> tried{};  ///< to be passed over as long as there is another; the caller's
  std::optional<uint64_t> key{};            ///< its hash, or the backend it is to stay with: affinity.h
  bool untried_only = false;                ///< and then none rather than one of those
  const Backend* only = nullptr;  ///< no other, as long as this one takes requests; the caller's, too
};

class Pool;

/// A request's place in a pool's queue; a member of the request.
class QueueEntry {
 public:
  using OnLease = std::function<void(Result<Lease>)>;

 private:
  friend class Pool;
  ListHook hook_;
  Deadline deadline_;
  Pending<Result<Lease>> pending_{[this] { leave(); }};
  PickRequest ask_;
  Duration bound_{};
  TimePoint released_{};
  TimePoint since_{};
  Pool* pool_ = nullptr;  // while it is there

  void leave();

 public:
  /// When the timed pause ended that held the request; long ago when none did.
  TimePoint released() const { return released_; }
  /// Any backend will do from now on, not `PickRequest::only` alone. At any time: it is served in a later
  /// turn.
  void take_any();
  ~QueueEntry() { leave(); }
};

/// One worker's. Shared by the generations that route to it.
class Pool {
 public:
  /// `worker` of `workers`; `waiting` counts the requests that wait at any of them.
  Pool(std::string name, Deadlines& deadlines, unsigned worker, unsigned workers,
       std::shared_ptr<QueueCount> waiting = std::make_shared<QueueCount>());
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  const std::string& name() const { return name_; }

  /// The newest generation's settings and backends (of the same order and length as in `config`), and the
  /// zone that this process is in; may be empty.
  void update(std::shared_ptr<const config::Pool> config, std::vector<std::shared_ptr<Backend>> backends,
              const std::string& zone = {});
  const std::vector<std::shared_ptr<Backend>>& backends() const { return backends_; }
  /// The backend of this state: one of backends(), or one that has left while something is still in flight to
  /// it; else null.
  std::shared_ptr<Backend> known(const std::shared_ptr<BackendState>& state) const;
  /// What update() was given last.
  const std::shared_ptr<const config::Pool>& config() const { return config_; }
  const std::string& zone() const { return zone_; }
  /// This worker's share of it.
  RetryBudget& retry_budget() { return retry_budget_; }

  /// The backend at this address, whether or not it is available; nothing when it is not there.
  std::optional<Lease> lease_on(const Address& address);
  /// A backend that is available now, and was not tried if there is such a backend. None that others wait
  /// for: it is their turn. Nothing while the pool is paused.
  std::optional<Lease> try_pick(const PickRequest& ask);
  /// One of its backends has this number, as a sticky cookie carries it.
  bool has_backend_of(uint64_t id) const;
  /// What a sticky cookie shall say from now on, when the request that carried `key` has got this backend;
  /// nothing when it may stay as it is.
  std::optional<uint64_t> new_sticky_id(const Backend& backend, std::optional<uint64_t> key) const;

  /// Waits in arrival order until a backend is available and the pool is not paused: at most `bound`, not
  /// counting timed pauses, then an Error of code unavailable.
  /// What `ask` points to must stay.
  [[nodiscard]] Wait wait_for_backend(QueueEntry& place, const PickRequest& ask, Duration bound,
                                      QueueEntry::OnLease on_lease);
  /// So many workers share the bound of retries from now on.
  void share_among(unsigned workers);
  /// The pool's queue, over all workers. Workers that look at the same moment may each take the last place.
  bool is_queue_full() const;
  bool is_paused() const { return pause_ != config::Pause::none; }
  size_t queued() const { return queued_; }

  /// No generation to come has this pool: its tunnels are to end, and requests that wait get the Error of
  /// code not_found, since its backends are not monitored any more.
  void retire();

  /// A backend may have become available: serves the requests that wait.
  void wake();
  /// A request to this backend has ended, and it is this worker's turn: serves a request that waits, or
  /// passes the turn on.
  void slot_freed(const BackendState& state);

 private:
  friend class QueueEntry;
  enum class Whose { newcomer, queued };
  std::optional<Lease> pick(const PickRequest& ask, Whose whose);
  std::optional<Lease> pick_untried_first(const PickRequest& ask, Whose whose);
  void look_at_backends(const PickRequest& ask, Whose whose, TimePoint now);
  bool look_at_those_down(const PickRequest& ask, Whose whose);
  bool may_have(const Backend& backend, const PickRequest& ask, Whose whose) const;
  bool is_awaited(const Backend& backend) const;
  bool is_kept(const PickRequest& ask) const;
  bool takes_requests(const Backend& backend) const;
  void look_soon();
  void say_who_is_awaited();
  void wait_for_no_room();
  void free_of_those_gone();
  struct Served {
    QueueEntry* place = nullptr;
    std::optional<Lease> lease{};
  };
  Served serve_first();
  void bound_wait(QueueEntry& place);
  void change_pause(config::Pause next);
  void note_oldest();

  std::string name_;
  std::string zone_;
  Deadlines& deadlines_;
  unsigned worker_;
  unsigned workers_;
  RetryBudget retry_budget_;
  std::shared_ptr<const config::Pool> config_;
  std::vector<std::shared_ptr<Backend>> backends_;
  std::vector<std::weak_ptr<Backend>> leaving_;  // no longer among them
  std::vector<balance::Candidate> candidates_;   // By backend: what is fixed, and scratch.
  balance::Settings settings_;                   // of policy_
  std::unique_ptr<balance::Policy> policy_;
  Alive alive_;
  Deadline soon_{[this] { wake(); }};
  std::vector<uint64_t> kept_ids_;  // of backends of weight 0 that sticky clients stay at
  config::Pause pause_ = config::Pause::none;
  std::shared_ptr<QueueCount> waiting_;
  std::shared_ptr<QueueCount::Oldest> oldest_;
  size_t queued_ = 0;  // Before queue_: places that leave count down.
  size_t bound_ = 0;   // of those: wait for a backend of their own
  List<QueueEntry, &QueueEntry::hook_> queue_;
};

}  // namespace sluice::upstream
