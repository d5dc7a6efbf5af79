// The whole proxy, seen from control: workers, listeners, generations, health, and how each of them changes
// while requests are served.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/config/load.h>
#include <sluice/control/log_losses.h>
#include <sluice/control/migration.h>
#include <sluice/control/predecessors.h>
#include <sluice/desired/desired_state.h>
#include <sluice/desired/state_file.h>
#include <sluice/desired/state_store.h>
#include <sluice/listeners/leaving.h>
#include <sluice/net/loop.h>
#include <sluice/net/service_manager.h>
#include <sluice/observe/events.h>
#include <sluice/observe/log_writer.h>
#include <sluice/observe/totals.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/in_flight_info.h>
#include <sluice/proxy/service.h>
#include <sluice/resolve/names.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/health_record.h>
#include <sluice/upstream/probe_schedule.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::control {

/// One generation that is current or still drains.
struct GenerationInfo {
  uint64_t number = 0;
  std::string cause;
  Duration age{};
  size_t in_flight = 0;
  bool is_current = false;
  size_t tunnels = 0;
  size_t carried_over = 0;                     ///< began by an earlier generation, whose time is over
  std::vector<proxy::InFlightInfo> holders{};  ///< the oldest few
};

struct ListenerInfo {
  std::string name;
  Address address;
};

/// The requests that wait for a backend of one pool, in this process.
struct QueueInfo {
  uint64_t waiting = 0;
  uint64_t most = 0;  ///< that may
  std::optional<Duration> oldest{};
};

struct BackendInfo {
  std::string pool;
  config::Backend backend;
  std::shared_ptr<upstream::BackendState> state;
  std::string health;  ///< starting, healthy, draining, down or ejected; an admin drain counts as draining
  std::string cause;   ///< why it is not healthy; may be empty
  upstream::HealthRecord standing{};
};

/// What a process leaves to its successor.
struct HandoffState;

/// What a process may begin with; all outlive the Server.
struct StartOptions {
  HandoffState* handoff = nullptr;         ///< of the process that it takes over from
  desired::StateStore* store = nullptr;    ///< where admin changes outlive the process; null: they do not
  net::ServiceManager* manager = nullptr;  ///< gives and keeps sockets, is notified of reload and stop
  observe::LogWriter* log = nullptr;  ///< whose settings change with the configuration's; null: they stay
  observe::Events* events = nullptr;  ///< continued from the last process, and in the next; may be null
};

/// Control's loop's. Every method is to be called there. None blocks, but for the disk: a change waits for
/// the state file.
class Server {
 public:
  /// `config_path` is what reload() reads. `on_finished` runs once a stop has come to its end.
  Server(net::Loop& loop, Log& log, std::string config_path, std::function<void()> on_finished);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds the listeners, starts the workers and publishes the first generation, with the state file's
  /// changes; or changes nothing and says why. Its number is 1, or follows the state file's.
  /// With a handoff state: goes on from there, takes out of it what the configuration names, shares the
  /// listeners with the process that left it, and accepts no client until own().
  Result<void> start(config::Config config, const StartOptions& origin = {});

  /// What a reload or a change has come to.
  struct Change {
    uint64_t generation = 0;                 ///< the newest one
    bool changed = true;                     ///< false: everything was so already, and no generation was made
    std::vector<std::string> differences{};  ///< of a reload: what is different now, as config::differences
  };
  /// The number of the newest generation that the caller knows: when there is another one since, a change is
  /// refused with an error of code conflict. Nothing: any.
  using Revision = std::optional<uint64_t>;
  /// Reads the file again and makes a generation of it, with the admin's changes over it unless
  /// `drop_changes`; or changes nothing and says why.
  enum class AdminChanges { keep, drop };
  Result<Change> reload(AdminChanges admin_changes, Revision revision = {});
  /// Changes the desired state and makes a generation of it. `edit` answers whether it changed anything. It
  /// is in the state file by the time this answers; when that cannot be, nothing has changed.
  Result<Change> change(const std::function<Result<bool>(desired::DesiredState&)>& edit,
                        Revision revision = {});
  Result<void> check_revision(Revision revision) const;
  /// An admin has made the backend ready: what traffic said of it (that it fails, that it drains, that it
  /// flaps) counts no more.
  void forget_traffic_verdicts(const desired::BackendKey& backend);

  /// Opens the access log's path anew: for a file that was renamed away.
  void reopen_logs();
  /// What start() was given; may be null.
  observe::Events* events() const;
  /// Of the log itself; nothing when its settings are not this process's to change.
  std::optional<LogLevel> log_level() const;
  /// Lines of the log itself, and of access logs, that this process has lost.
  LogLosses log_losses() const;
  LogLosses access_log_losses() const;
  /// Until a reload changes the log's settings, or the process ends. False when log_level() has nothing.
  bool set_log_level(LogLevel level);

  /// Drains everything and finishes, within the configuration's drain_timeout. A second call finishes now; a
  /// takeover by another process does not count as a call. Between start() with a handoff state and own() or
  /// hand_back() it is only noted: the other process may have left all to this one already.
  void stop();
  bool is_stopping() const;
  /// Runs before a requested stop begins.
  void on_stop(std::function<void()> callback);
  /// For SIGHUP. As reload(), and the log has the answer. In the middle of a takeover it is done once that is
  /// over, by the process that is active then.
  void reload_on_signal();

  // A takeover's steps, in their order; see handover.h and takeover.h.

  /// Copies of all that the next process needs.
  Result<HandoffState> handoff_state() const;
  /// Changes are refused meanwhile: what is acknowledged must not be lost to a process that goes.
  void hold_changes(bool hold);
  /// True when reload_on_signal() has postponed a reload: the caller has to have it done then.
  bool take_postponed_reload();
  /// The listeners of the handoff state that this process has taken.
  std::set<std::string> shared_listeners() const;
  /// The process that left the handoff state has stopped accepting: all is this process's now. Alone::no: the
  /// other is on standby, and no socket is added of which it has no copy, until be_alone().
  void own(listeners::Alone alone);
  /// The predecessor goes on instead: this process leaves all to it, and finishes, as stop().
  void hand_back();
  void be_alone();
  /// Another process accepts on these and is active from now on: this process finishes what it has, as
  /// stop(). With Clients::move their clients' connections go to migration().
  void hand_over(const std::set<std::string>& listeners, listeners::Clients clients);
  Migration& migration();
  /// As hand_over(), but this process does not end: it keeps the listeners' sockets, its workers and its
  /// configuration, and changes nothing, until stop_standing_by(), resume() or resume_alone().
  void suspend(const std::set<std::string>& listeners, listeners::Clients clients);
  bool is_suspended() const;
  std::set<std::string> suspended_listeners() const;
  /// To be called before this process takes everything back: of the other process's sockets it needs those of
  /// listeners that it keeps none of. With a handoff state without sockets: it does not come back.
  void borrow_listeners(HandoffState& from);
  /// Finishes, as after hand_over().
  /// Without a successor, what it has left to answer does not hold it up.
  void stop_standing_by(bool has_successor);
  /// Resumes, with what the other process leaves.
  void resume(HandoffState& from);
  /// Resumes though the other process has left nothing but the state file. That process's newest generation
  /// was `generation`, and its newest event `event`.
  void resume_alone(uint64_t generation, uint64_t event);
  /// While this process drains or is on standby: what admins have changed at the other one since. Requests at
  /// this process's workers may be waiting for a backend.
  void follow(const desired::SavedState& other);
  /// Runs the callback whenever the changes are other than before, for as long as the returned value is kept.
  using Follower = std::shared_ptr<const std::function<void(const desired::SavedState&)>>;
  [[nodiscard]] Follower on_changes(std::function<void(const desired::SavedState&)> callback);
  /// Runs whenever there is a new generation.
  void on_generation(std::function<void()> callback);
  /// Whether adopt_connection() would serve it, now.
  bool may_adopt(const proxy::ConnectionState& connection) const;
  /// How many more descriptors of clients there is room for.
  size_t connection_capacity() const;
  /// Goes on with a connection of the process that left the handoff state.
  void adopt_connection(proxy::MigratedConnection connection);
  /// The processes before this one.
  Predecessors& predecessors();
  const Predecessors& predecessors() const;

  /// Runs the callback with true once `condition` holds (looked at whenever something may have changed), or
  /// with false after `bound`. Never before it has returned.
  [[nodiscard]] Wait when(std::function<bool()> condition, Duration bound,
                          std::function<void(bool)> callback);
  /// Every worker has taken `generation`, or a newer one, as its newest.
  bool is_adopted(uint64_t generation) const;

  const config::Config& config() const;
  uint64_t generation() const;
  const desired::DesiredState& desired() const;
  /// Asks the workers what is inside each. Runs the callback once they have answered, or after a moment with
  /// what is known by then; never before it has returned.
  [[nodiscard]] Wait ask_generations(std::function<void(std::vector<GenerationInfo>)> callback);
  /// Workers beyond the configuration's, which finish what they have.
  size_t leaving_workers() const;
  std::vector<ListenerInfo> listeners() const;
  /// Of one pool, or of all when `pool` is empty.
  std::vector<BackendInfo> backends(std::string_view pool) const;
  QueueInfo queue(const std::string& pool) const;
  /// Of a backend that is in the pool, or was and still has requests in flight; else null.
  std::shared_ptr<upstream::BackendState> backend_state(const std::string& pool,
                                                        const Address& address) const;
  /// With those of the processes before this one.
  observe::Totals totals() const;
  /// How far probes keep up.
  upstream::ProbeSchedule::Load probes() const;
  observe::Totals own_totals() const;
  /// Runs the callback once every worker has been through its loop.
  void ask_workers(std::function<void()> all_answered);
  /// Runs `question` at each worker, and here what it returns; then the callback, once all have answered or
  /// after a moment. Never before this call has returned.
  using WorkerQuery = std::function<std::function<void()>(const proxy::Service&)>;
  [[nodiscard]] Wait ask_each_worker(WorkerQuery question, std::function<void()> callback);
  /// How the requests of each worker have ended; also of workers that are gone.
  [[nodiscard]] Wait ask_accounts(std::function<void(const std::vector<observe::Account>&)> callback);
  Duration uptime() const;
  TimePoint now() const;
  /// Nothing when no pool has the name.
  std::optional<resolve::NameInfo> name_info(const config::HostName& name) const;

 private:
  struct Impl;
  void catch_up();
  void settle();
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::control
