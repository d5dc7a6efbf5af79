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
struct Ask {
  std::span<const Backend* const> tried{};  ///< to be passed over as long as there is another; the caller's
  std::optional<uint64_t> key{};  ///< what it is told by, or the backend it is to stay with: affinity.h
};

class Pool;

/// A request's place in a pool's queue; a member of the request.
class QueuePlace {
 public:
  using OnLease = std::function<void(Result<Lease>)>;

 private:
  friend class Pool;
  ListHook hook_;
  Deadline deadline_;
  Pending<Result<Lease>> pending_{[this] { leave(); }};
  Ask ask_;
  Duration bound_{};
  TimePoint released_{};
  Pool* pool_ = nullptr;  // while it is there

  void leave();

 public:
  /// When the timed pause ended that held the request; long ago when none did.
  TimePoint released() const { return released_; }
  ~QueuePlace() { leave(); }
};

/// One worker's. Shared by the generations that route to it.
class Pool {
 public:
  /// `worker` of `workers`; `waiting` counts those that wait at any of them.
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
  /// What update() was given last.
  const std::shared_ptr<const config::Pool>& config() const { return config_; }
  const std::string& zone() const { return zone_; }
  /// This worker's share of it.
  RetryBudget& retry_budget() { return retry_budget_; }

  /// The backend at this address, whether or not it is available; nothing when it is not there.
  std::optional<Lease> lease_on(const Address& address);
  /// A backend that is available now, one that was not tried if there is one. Nothing while others wait: it
  /// is their turn. Nothing while the pool is paused.
  std::optional<Lease> try_pick(const Ask& ask);
  /// One of its backends has this number, as a sticky cookie carries it.
  bool has_backend_of(uint64_t id) const;
  /// What a sticky cookie shall say from now on, when the request that carried `key` has got this backend;
  /// nothing when it may stay as it is.
  std::optional<uint64_t> new_sticky_id(const Backend& backend, std::optional<uint64_t> key) const;

  /// Waits in arrival order until a backend is available and the pool is not paused: at most `bound`, not
  /// counting timed pauses, then an Error of code unavailable.
  /// What `ask` points to must stay.
  [[nodiscard]] Wait wait_for_backend(QueuePlace& place, const Ask& ask, Duration bound,
                                      QueuePlace::OnLease on_lease);
  /// So many workers share the bound of retries from now on.
  void share_among(unsigned workers);
  /// The pool's queue, over all workers. Of several that look at the same moment each may take the last
  /// place.
  bool is_queue_full() const;
  bool is_paused() const { return pause_ != config::Pause::none; }
  size_t queued() const { return queued_; }

  /// No generation to come has this pool: its tunnels are told to end, and whoever waits gets the Error of
  /// code not_found, since nobody looks after its backends any more.
  void retire();

  /// Something has become available, perhaps: serves those who wait.
  void wake();
  /// A request to this backend has ended, and it is this worker's turn: serves one that waits, or passes it
  /// on.
  void room_at(const BackendState& state);

 private:
  friend class QueuePlace;
  enum class Whose { newcomer, queued };
  std::optional<Lease> pick(const Ask& ask, Whose whose);
  std::optional<Lease> pick_untried_first(const Ask& ask, Whose whose);
  void look_at_backends(const Ask& ask, Whose whose, TimePoint now);
  bool look_at_those_down(const Ask& ask, Whose whose);
  bool may_have(const Backend& backend, const Ask& ask, Whose whose) const;
  void wait_for_room(bool waits);
  void bound_wait(QueuePlace& place);
  void change_pause(config::Pause next);

  std::string name_;
  std::string zone_;
  Deadlines& deadlines_;
  unsigned worker_;
  unsigned workers_;
  RetryBudget retry_budget_;
  std::shared_ptr<const config::Pool> config_;
  std::vector<std::shared_ptr<Backend>> backends_;
  std::vector<balance::Candidate> candidates_;  // By backend: what is fixed, and scratch.
  balance::Settings settings_;                  // of policy_
  std::unique_ptr<balance::Policy> policy_;
  Alive alive_;
  Deadline soon_{[this] { wake(); }};
  bool awaits_room_ = false;
  config::Pause pause_ = config::Pause::none;
  std::shared_ptr<QueueCount> waiting_;
  size_t queued_ = 0;  // Before queue_: places that leave count down.
  List<QueuePlace, &QueuePlace::hook_> queue_;
};

}  // namespace sluice::upstream
