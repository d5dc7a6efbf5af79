// What control has and does, for the files of control/server*.cpp alone.
#pragma once

#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/share.h>
#include <sluice/control/server.h>
#include <sluice/desired/durable_state.h>
#include <sluice/desired/pauses.h>
#include <sluice/listeners/listeners.h>
#include <sluice/resolve/names.h>
#include <sluice/upstream/monitor.h>
#include <sluice/workers/conditions.h>
#include <sluice/workers/workers.h>

#include <map>
#include <optional>
#include <utility>

#include "control/backend_states.h"
#include "control/collect.h"
#include "control/draining.h"
#include "control/generation_ledger.h"
#include "control/logs.h"
#include "control/next_file.h"

namespace sluice::control {

constexpr Duration kBetweenWarnings{60'000};

/// What signals have asked for while it could not be done. Senders do not repeat signals.
struct Postponed {
  unsigned stops = 0;
  bool reload = false;
};

constexpr Duration kBetweenLooksAtLogs{1000};

struct Server::Impl {
  Impl(net::Loop& the_loop, Log& the_log, std::string path, std::function<void()> finished_callback)
      : loop(the_loop),
        log(the_log),
        config_path(std::move(path)),
        logs(config_path),
        conditions(loop.deadlines()),
        started(loop.clock().now()),
        listening(loop, log, workers),
        draining({.executor = loop,
                  .log = log,
                  .listening = listening,
                  .workers = workers,
                  .is_empty = [this] { return is_empty(); },
                  .on_end = [this] { migration.abandon(); },
                  .on_finished = std::move(finished_callback)}),
        workers(
            loop, log, [this](unsigned worker) { return worker_settings(worker); },
            [this](unsigned worker) { on_worker_gone(worker); }) {
    migration.on_returned(
        [this](auto back) { workers.dispatch(std::move(back), &proxy::Service::adopt_to_close); });
    migration.on_closed(
        [this] { workers.post_all([](proxy::Service& service) { service.stop_migrating(); }); });
  }

  // ---- start

  Result<void> start(config::Config config, const StartOptions& origin) {
    const unsigned count = config.server.workers;
    const bool has_handoff = origin.handoff != nullptr && !origin.handoff->has_sockets_alone;
    HandoffState* const handoff = has_handoff ? origin.handoff : nullptr;
    logs.set_writer(origin.log);
    events = origin.events;
    if (events != nullptr && handoff != nullptr) events->seed(std::move(handoff->state.events));
    if (origin.manager != nullptr) listening.keep_with(*(manager = origin.manager));
    if (origin.handoff != nullptr) listening.add_foreign(ids_of_listeners(*origin.handoff));
    auto inherited = inherit_sockets(origin.handoff, config, count);
    if (!inherited) return std::move(inherited).error();
    net::SocketIds given_up;
    if (manager != nullptr) inherited->merge(listeners::adopt_given(*manager, config, count, log, given_up));
    listening.add_foreign(given_up);
    auto opened = listeners::open_listeners(config, *inherited, listening.ours());
    if (!opened) return std::move(opened).error();
    auto next_logs = logs.prepare(config.server);
    if (!next_logs) return std::move(next_logs).error();
    logs.use(*std::move(next_logs));
    loop.deadlines().arm(next_look_at_logs, kBetweenLooksAtLogs);
    monitor.emplace(
        loop, log, [this](const auto& state) { notify_checked(state); },
        static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
    if (auto running = workers.start(count); !running) return running;
    workers.set_accepting(count);
    auto opened_state = open_state(std::move(config), handoff, origin.store, log);
    if (!opened_state) return std::move(opened_state).error();
    durable = *std::move(opened_state);
    newest = durable->last_generation();
    owns = handoff == nullptr;
    awaits_word = !owns;
    if (owns) {
      if (auto kept = durable->advance(durable->desired(), newest + 1); !kept) return kept;
    }
    if (awaits_word) listening.wait_for_word();
    publish(*std::move(opened), owns ? "start" : "takeover", owns ? nullptr : &handoff->state.backends);
    listening.reserve(*inherited);
    if (owns) listening.own(listeners::Alone::yes);
    if (!owns) names.seed(handoff->state.places);
    return {};
  }

  // ---- workers

  proxy::ServiceSettings worker_settings(unsigned index) {
    return {
        .worker = index,
        .counters = workers.counters(index),
        .client_counts = workers.client_counts(),
        .client_room = workers.client_room(),
        .queue_counts = workers.queue_counts(),
        .on_trouble =
            [this](const std::shared_ptr<upstream::BackendState>& state) {
              loop.post([this, state] { monitor->check_now(state); });
            },
        .on_generation_drained =
            [this, index](uint64_t number) {
              loop.post([this, index, number] {
                if (ledger.drained(index, number)) log_generation_ended(number);
              });
            },
        .access_log = logs.access(),
        .on_moved =
            [this](proxy::MigratedConnection moved) {
              const auto shared = std::make_shared<proxy::MigratedConnection>(std::move(moved));
              loop.post([this, shared] { move_on(std::move(*shared)); });
            },
        .on_evidence =
            [this](const std::shared_ptr<upstream::BackendState>& state, const upstream::Evidence& seen) {
              loop.post([this, state, seen] { monitor->apply_evidence(state, seen); });
            },
        .on_room = [this](const std::shared_ptr<upstream::BackendState>& state,
                          unsigned its) { loop.post([this, state, its] { notify_slot_free(state, its); }); },
        .on_full = [this](std::optional<unsigned> its) { loop.post([this, its] { be_full(its); }); }};
  }

  /// There are as many clients as there may be.
  void be_full(std::optional<unsigned> worker) {
    if (worker && workers.is_running(*worker)) {
      workers.post(*worker, [](proxy::Service& service) { service.make_room(); });
    }
    const TimePoint now = loop.clock().now();
    if (warned_full && now - *warned_full < kBetweenWarnings) return;
    warned_full = now;
    log.warning(
        "server.max_connections is reached: for new clients the longest idle connections are closed, "
        "and without idle ones they wait" +
        field("max_connections", static_cast<long long>(current->config().server.max_connections)));
  }

  /// To the process that takes over; or from a worker that leaves to one that stays.
  void move_on(proxy::MigratedConnection connection) {
    const bool goes = migration.is_open() || draining.has_begun() || stands_by;
    if (goes) return migration.add(std::move(connection));
    workers.dispatch(std::move(connection), &proxy::Service::adopt);
  }

  void on_worker_gone(unsigned worker) {
    for (const uint64_t number : ledger.worker_gone(worker)) log_generation_ended(number);
  }

  // ---- generations

  /// Makes the desired state the newest generation. Everything that can fail has been done by now.
  void publish(listeners::SocketsById next_sockets, std::string cause,
               const std::vector<HandedHealth>* known_health = nullptr) {
    auto next = std::make_shared<config::Config>(durable->desired().effective());
    if (current) config::share_unchanged(*next, current->config());
    auto next_states = backend_states.states_for(*next, current.get());
    if (known_health != nullptr) inherit_health(*known_health, *next, next_states);
    const auto back_from_drain = undrained(current.get(), *next);
    const auto going = drained(current.get(), *next);
    current = std::make_shared<proxy::Generation>(++newest, std::move(cause), next, std::move(next_states),
                                                  workers.bound());
    const auto living = workers.running();
    ledger.publish(current, loop.clock().now(), living);
    watch_backends();
    if (known_health != nullptr) restore_health_records(*known_health);
    names.watch(*next);
    pauses.apply(durable->desired().changes().pauses, current->cause());
    for (const auto& state : back_from_drain) monitor->reset(state);
    for (const auto& state : going) monitor->tell_drained(*state);
    for (const unsigned i : living) {
      workers.post(i, [this, i, generation = current](proxy::Service& service) {
        const uint64_t number = generation->number();
        service.adopt(generation);
        loop.post([this, i, number] { ledger.adopted(i, number); });
      });
    }
    workers.set_accepting(next->server.workers);
    listening.change(std::move(next_sockets));
    workers.release_surplus();
    log.info("generation published" + field("number", static_cast<long long>(newest)) +
             field("cause", current->cause()));
    if (on_generation) on_generation();
    notify_followers();
  }

  void notify_followers();

  void watch_backends() {
    std::vector<upstream::Target> targets;
    for (const auto& [name, pool] : current->config().pools) {
      for (const auto& state : current->states(name)) targets.push_back({state, pool});
    }
    monitor->watch(targets);
  }

  /// Before any worker gives them requests.
  void restore_health_records(const std::vector<HandedHealth>& known) {
    for (const auto& passed : known) {
      const auto state = known_state(current.get(), passed.pool, passed.address);
      if (state) monitor->restore(state, passed.standing);
    }
  }

  void notify_checked(const std::shared_ptr<upstream::BackendState>& state) {
    workers.post_all([state](proxy::Service& service) { service.backend_checked(state); });
  }

  /// A worker that has ended since may still be noted as waiting.
  void notify_slot_free(const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
    while (!workers.is_running(worker)) {
      state->concurrency().set_waiting(worker, false);
      const auto next = state->concurrency().next_waiting();
      if (!next) return;
      worker = *next;
    }
    workers.post(worker, [state](proxy::Service& service) { service.backend_has_room(state); });
  }

  void log_generation_ended(uint64_t number) {
    log.info("generation ended" + field("number", static_cast<long long>(number)));
  }

  std::vector<GenerationInfo> describe_generations(std::map<uint64_t, proxy::GenerationUse> uses) const {
    std::vector<GenerationInfo> infos;
    for (const auto& entry : ledger.entries()) {
      proxy::GenerationUse& use = uses[entry.generation->number()];
      infos.push_back({.number = entry.generation->number(),
                       .cause = entry.generation->cause(),
                       .age = loop.clock().now() - entry.since,
                       .in_flight = entry.generation->in_flight(),
                       .is_current = entry.generation == current,
                       .tunnels = use.tunnels,
                       .carried_over = use.carried_over,
                       .holders = std::move(use.oldest)});
    }
    return infos;
  }

  // ---- changes

  Result<void> check_may_change() const {
    if (draining.has_begun()) {
      return Error{.code = ErrorCode::conflict, .message = "it is stopping: nothing changes any more"};
    }
    const auto moved = [](const char* why) { return Error{.code = ErrorCode::moved, .message = why}; };
    if (stands_by) return moved("another process has taken over, and this one stands by");
    if (awaits_word) return moved("this process is taking over: ask again in a moment");
    if (changes_held) return moved("a new process is taking over: ask again in a moment");
    return {};
  }

  Result<void> check_revision(Revision revision) const {
    if (!revision || *revision == newest) return {};
    return Error{.code = ErrorCode::conflict,
                 .message = concat({"nothing was changed: the revision is ", std::to_string(newest), ", not ",
                                    std::to_string(*revision)})};
  }

  Result<Change> reload(AdminChanges admin_changes, Revision revision) {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    notify(concat({"RELOADING=1\nMONOTONIC_USEC=", std::to_string(now.count())}));
    auto change = load_and_publish(admin_changes, revision);
    notify("READY=1");
    return change;
  }

  void look_at_logs() {
    logs.report_losses(log, loop.clock().now());
    loop.deadlines().arm(next_look_at_logs, kBetweenLooksAtLogs);
  }

  void notify(std::string_view lines) const {
    if (manager != nullptr && owns && !draining.has_begun()) manager->tell(lines);
  }

  Result<Change> load_and_publish(AdminChanges admin_changes, Revision revision) {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    auto file = load_next(config_path, current->config());
    if (!file) return std::move(file).error();
    auto opened = listeners::open_listeners(*file, listening.open_sockets(), listening.ours());
    if (!opened) return std::move(opened).error();
    auto next_logs = logs.prepare(file->server);
    if (!next_logs) return std::move(next_logs).error();
    if (auto running = workers.start(file->server.workers); !running) return std::move(running).error();
    desired::DesiredState next = durable->desired();
    if (admin_changes == AdminChanges::drop) next.drop_changes();
    next.replace_file(*std::move(file));
    if (auto kept = durable->advance(std::move(next), newest + 1); !kept) {
      workers.release_surplus();  // Those that have just been started.
      return std::move(kept).error();
    }
    if (logs.use(*std::move(next_logs))) {
      workers.post_all([sink = logs.access()](proxy::Service& service) { service.log_access_to(sink); });
    }
    const auto before = current;
    publish(*std::move(opened), "reload");
    desired::log_waiting(durable->desired(), log);
    auto differences = config::differences(before->config(), current->config());
    log_differences(differences, log);
    return Change{.generation = newest, .differences = std::move(differences)};
  }

  Result<Change> change(const std::function<Result<bool>(desired::DesiredState&)>& edit, Revision revision,
                        std::string cause = "admin") {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    desired::DesiredState next = durable->desired();
    const auto changed = edit(next);
    if (!changed) return changed.error();
    if (*changed || next.changes() != durable->desired().changes()) {
      const uint64_t number = newest + (*changed ? 1 : 0);
      if (auto kept = durable->advance(std::move(next), number); !kept) return std::move(kept).error();
    }
    if (*changed) publish(listening.sockets(), std::move(cause));
    return Change{.generation = newest, .changed = *changed};
  }

  /// What names lead to.
  bool use(const config::ResolvedNames& places) {
    return change([&](desired::DesiredState& state) { return Result<bool>(state.resolve(places)); }, {},
                  "resolve")
        .has_value();
  }

  bool resume(const std::vector<desired::PauseEdit>& pools, std::string cause) {
    const auto edit = [&](desired::DesiredState& state) {
      for (const desired::PauseEdit& pool : pools) static_cast<void>(state.apply(pool));
      return Result<bool>(true);
    };
    return change(edit, {}, std::move(cause)).has_value();
  }

  // ---- stop

  void stop() {
    pauses.end_all("stop");
    notify("STOPPING=1");
    draining.request_stop(current->config().server.drain_timeout);
  }

  /// Another process goes on, and may listen where this one did.
  void leave(std::string_view why) {
    draining.begin(why, current->config().server.drain_timeout, listeners::Listeners::Addresses::release);
  }

  /// Nothing is on its way to or from another process.
  bool may_settle() const {
    return predecessors.is_to_settle() && owns && !draining.has_begun() && !changes_held &&
           migration.size() == 0;
  }

  /// No other process gets what the processes before this one have still to report.
  bool is_empty() const {
    return workers.connections() == 0 && migration.size() == 0 && predecessors.draining() == 0;
  }

  net::Loop& loop;
  Log& log;
  std::string config_path;
  Logs logs;
  workers::Conditions conditions;
  TimePoint started;
  std::unique_ptr<desired::DurableState> durable;
  GenerationLedger ledger;
  std::optional<upstream::Monitor> monitor;
  std::shared_ptr<proxy::Generation> current;
  BackendStates backend_states;
  uint64_t newest = 0;
  Predecessors predecessors;
  Wait settling;  // of what a process had that has died
  Deadline next_look_at_logs{[this] { look_at_logs(); }};
  net::ServiceManager* manager = nullptr;
  observe::Events* events = nullptr;
  Migration migration;
  std::optional<TimePoint> warned_full;
  desired::Pauses pauses{loop.deadlines(), log,
                         [this](const auto& over, auto cause) { return resume(over, cause); }};
  resolve::Names names{loop, log, [this](const auto& places) { return use(places); }};
  bool owns = true;           // false: another process accepts on the listeners as well
  bool changes_held = false;  // for a takeover
  bool awaits_word = false;   // ready to be active: the other process decides whether it is to be
  Postponed postponed;
  bool stands_by = false;  // it has been taken over from, and may come back
  std::function<void()> on_generation;
  std::function<void()> on_stop;
  std::vector<std::weak_ptr<const std::function<void(const desired::SavedState&)>>> followers;
  desired::SavedState told;  // to the followers, last
  listeners::Listeners listening;
  Draining draining;
  workers::Workers workers;  // Last: their threads end before what they use does.
};

}  // namespace sluice::control
