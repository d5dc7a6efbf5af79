// What control has and does, for the files of lifecycle/server*.cpp alone.
#pragma once

#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/share.h>
#include <sluice/lifecycle/server.h>
#include <sluice/resolve/names.h>
#include <sluice/upstream/monitor.h>

#include <map>
#include <optional>
#include <utility>

#include "lifecycle/backend_states.h"
#include "lifecycle/conditions.h"
#include "lifecycle/durable_state.h"
#include "lifecycle/estate.h"
#include "lifecycle/ledger.h"
#include "lifecycle/listening.h"
#include "lifecycle/logs.h"
#include "lifecycle/next_file.h"
#include "lifecycle/pauses.h"
#include "lifecycle/stopping.h"
#include "lifecycle/workers.h"

namespace sluice::lifecycle {

/// What signals have asked for while it could not be. Nobody repeats a signal.
struct Postponed {
  unsigned stops = 0;
  bool reload = false;
};

struct Server::Impl {
  Impl(net::Loop& the_loop, Log& the_log, std::string path, std::function<void()> finished_callback)
      : loop(the_loop),
        log(the_log),
        config_path(std::move(path)),
        logs(config_path),
        conditions(loop.deadlines()),
        started(loop.clock().now()),
        listening(loop, log, workers),
        stopping({.loop = loop,
                  .log = log,
                  .listening = listening,
                  .workers = workers,
                  .is_empty = [this] { return is_empty(); },
                  .on_end = [this] { departures.give_up(); },
                  .on_finished = std::move(finished_callback)}),
        workers(
            loop, log, [this](unsigned worker) { return worker_settings(worker); },
            [this](unsigned worker) { on_worker_gone(worker); }) {
    departures.on_returned([this](auto back) { workers.give(std::move(back), &proxy::Service::finish); });
    departures.on_closed(
        [this] { workers.post_all([](proxy::Service& service) { service.finish_moving(); }); });
  }

  // ---- start

  Result<void> start(config::Config config, const Origin& origin) {
    const unsigned count = config.server.workers;
    Estate* const estate = origin.estate;
    logs.set_writer(origin.log);
    events = origin.events;
    if (events != nullptr && estate != nullptr) events->continue_from(std::move(estate->state.events));
    if (origin.manager != nullptr) listening.keep_with(*(manager = origin.manager));
    auto inherited = inherit_sockets(estate, config, count);
    if (!inherited) return std::move(inherited).error();
    if (manager != nullptr) inherited->merge(take_given(*manager, config, count, log));
    auto opened = open_listeners(config, *inherited);
    if (!opened) return std::move(opened).error();
    auto next_logs = logs.prepare(config.server);
    if (!next_logs) return std::move(next_logs).error();
    logs.use(*std::move(next_logs));
    monitor.emplace(
        loop, log, [this](const auto& state) { tell_checked(state); },
        static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
    if (auto running = workers.start(count); !running) return running;
    workers.set_accepting(count);
    auto opened_state = open_state(std::move(config), estate, log);
    if (!opened_state) return std::move(opened_state).error();
    durable = *std::move(opened_state);
    newest = durable->last_generation();
    owns = estate == nullptr;
    awaits_word = !owns;
    if (owns) {
      if (auto kept = durable->advance(durable->desired(), newest + 1); !kept) return kept;
    }
    if (awaits_word) listening.wait_for_word();
    publish(*std::move(opened), owns ? "start" : "takeover", owns ? nullptr : &estate->state.backends);
    listening.set_aside(*inherited);
    if (!owns) names.know(estate->state.places);
    return {};
  }

  // ---- workers

  proxy::ServiceSettings worker_settings(unsigned index) {
    return {.worker = index,
            .counters = workers.counters(index),
            .client_counts = workers.client_counts(),
            .queue_counts = workers.queue_counts(),
            .on_trouble =
                [this](const std::shared_ptr<upstream::BackendState>& state) {
                  loop.post([this, state] { monitor->check_now(state); });
                },
            .on_generation_drained =
                [this, index](uint64_t number) {
                  loop.post([this, index, number] {
                    if (ledger.drained(index, number)) tell_ended(number);
                  });
                },
            .access_log = logs.access(),
            .on_moved =
                [this](proxy::MovedConnection moved) {
                  const auto shared = std::make_shared<proxy::MovedConnection>(std::move(moved));
                  loop.post([this, shared] { move_on(std::move(*shared)); });
                },
            .on_evidence =
                [this](const std::shared_ptr<upstream::BackendState>& state, const upstream::Evidence& seen) {
                  loop.post([this, state, seen] { monitor->judge(state, seen); });
                },
            .on_room = [this](const std::shared_ptr<upstream::BackendState>& state,
                              unsigned its) { loop.post([this, state, its] { tell_room(state, its); }); }};
  }

  /// To the process that takes over; or from a worker that leaves to one that stays.
  void move_on(proxy::MovedConnection connection) {
    const bool goes = departures.is_open() || stopping.has_begun() || stands_by;
    if (goes) return departures.add(std::move(connection));
    workers.give(std::move(connection), &proxy::Service::take);
  }

  void on_worker_gone(unsigned worker) {
    for (const uint64_t number : ledger.worker_gone(worker)) tell_ended(number);
  }

  // ---- generations

  /// Makes the desired state the newest generation. Everything that can fail has been done by now.
  void publish(SocketsById next_sockets, std::string cause,
               const std::vector<PassedHealth>* known_health = nullptr) {
    auto next = std::make_shared<config::Config>(durable->desired().effective());
    if (current) config::share_unchanged(*next, current->config());
    auto next_states = backend_states.states_for(*next, current.get());
    if (known_health != nullptr) inherit_health(*known_health, *next, next_states);
    const auto back_from_drain = undrained(current.get(), *next);
    const auto going = drained(current.get(), *next);
    current = std::make_shared<proxy::Generation>(++newest, std::move(cause), next, std::move(next_states),
                                                  workers.bound());
    const auto living = workers.living();
    ledger.publish(current, loop.clock().now(), living);
    watch_backends();
    if (known_health != nullptr) recall_standings(*known_health);
    names.watch(*next);
    pauses.follow(durable->desired().changes().pauses, current->cause());
    for (const auto& state : back_from_drain) monitor->begin_anew(state);
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
    workers.let_go();
    log.info("generation published" + field("number", static_cast<long long>(newest)) +
             field("cause", current->cause()));
    if (on_generation) on_generation();
    tell_followers();
  }

  void tell_followers();

  void watch_backends() {
    std::vector<upstream::Target> targets;
    for (const auto& [name, pool] : current->config().pools) {
      for (const auto& state : current->states(name)) targets.push_back({state, pool});
    }
    monitor->watch(targets);
  }

  /// Before any worker gives them requests.
  void recall_standings(const std::vector<PassedHealth>& known) {
    for (const auto& passed : known) {
      const auto state = known_state(current.get(), passed.pool, passed.address);
      if (state) monitor->recall(state, passed.standing);
    }
  }

  void tell_checked(const std::shared_ptr<upstream::BackendState>& state) {
    workers.post_all([state](proxy::Service& service) { service.backend_checked(state); });
  }

  /// One that has ended since may still be noted as one that waits.
  void tell_room(const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
    while (!workers.lives(worker)) {
      state->room().set_waiting(worker, false);
      const auto next = state->room().next_waiting();
      if (!next) return;
      worker = *next;
    }
    workers.post(worker, [state](proxy::Service& service) { service.backend_has_room(state); });
  }

  void tell_ended(uint64_t number) {
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
                       .earlier = use.earlier,
                       .holders = std::move(use.oldest)});
    }
    return infos;
  }

  // ---- changes

  Result<void> check_may_change() const {
    if (stopping.has_begun()) {
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
    tell(concat({"RELOADING=1\nMONOTONIC_USEC=", std::to_string(now.count())}));
    auto change = load_and_publish(admin_changes, revision);
    tell("READY=1");
    return change;
  }

  void tell(std::string_view lines) const {
    if (manager != nullptr && owns && !stopping.has_begun()) manager->tell(lines);
  }

  Result<Change> load_and_publish(AdminChanges admin_changes, Revision revision) {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    auto file = load_next(config_path, current->config());
    if (!file) return std::move(file).error();
    auto opened = open_listeners(*file, listening.open_sockets());
    if (!opened) return std::move(opened).error();
    auto next_logs = logs.prepare(file->server);
    if (!next_logs) return std::move(next_logs).error();
    if (auto running = workers.start(file->server.workers); !running) return std::move(running).error();
    DesiredState next = durable->desired();
    if (admin_changes == AdminChanges::drop) next.drop_changes();
    next.replace_file(*std::move(file));
    if (auto kept = durable->advance(std::move(next), newest + 1); !kept) {
      workers.let_go();  // Those that have just been started.
      return std::move(kept).error();
    }
    if (logs.use(*std::move(next_logs))) {
      workers.post_all([sink = logs.access()](proxy::Service& service) { service.log_access_to(sink); });
    }
    const auto before = current;
    publish(*std::move(opened), "reload");
    tell_waiting(durable->desired(), log);
    auto differences = config::differences(before->config(), current->config());
    tell_differences(differences, log);
    return Change{.generation = newest, .differences = std::move(differences)};
  }

  Result<Change> change(const std::function<Result<bool>(DesiredState&)>& edit, Revision revision,
                        std::string cause = "admin") {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    DesiredState next = durable->desired();
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
  bool use(const config::Places& places) {
    return change([&](DesiredState& state) { return Result<bool>(state.resolve(places)); }, {}, "resolve")
        .has_value();
  }

  bool resume(const std::vector<PauseEdit>& pools, std::string cause) {
    const auto edit = [&](DesiredState& state) {
      for (const PauseEdit& pool : pools) static_cast<void>(state.apply(pool));
      return Result<bool>(true);
    };
    return change(edit, {}, std::move(cause)).has_value();
  }

  // ---- stop

  void stop() {
    pauses.end_all("stop");
    tell("STOPPING=1");
    stopping.ask(current->config().server.drain_timeout);
  }

  void leave(std::string_view why) { stopping.begin(why, current->config().server.drain_timeout); }

  /// Nobody else hears what processes before this one have still to tell.
  bool is_empty() const {
    return workers.connections() == 0 && departures.size() == 0 && predecessors.draining() == 0;
  }

  net::Loop& loop;
  Log& log;
  std::string config_path;
  Logs logs;
  Conditions conditions;
  TimePoint started;
  std::unique_ptr<DurableState> durable;
  Ledger ledger;
  std::optional<upstream::Monitor> monitor;
  std::shared_ptr<proxy::Generation> current;
  BackendStates backend_states;
  uint64_t newest = 0;
  Predecessors predecessors;
  net::ServiceManager* manager = nullptr;
  observe::Events* events = nullptr;
  Departures departures;
  Pauses pauses{loop.deadlines(), log, [this](const auto& over, auto cause) { return resume(over, cause); }};
  resolve::Names names{loop, log, [this](const auto& places) { return use(places); }};
  bool owns = true;           // false: another process accepts on the listeners as well
  bool changes_held = false;  // for a takeover
  bool awaits_word = false;   // ready to be the one: whether it is to be, the other process says
  Postponed postponed;
  bool stands_by = false;  // it has been taken over from, and may come back
  std::function<void()> on_generation;
  std::function<void()> on_stop;
  std::vector<std::weak_ptr<const std::function<void(const SavedState&)>>> followers;
  SavedState told;  // to them
  Listening listening;
  Stopping stopping;
  Workers workers;  // Last: their threads end before what they use does.
};

}  // namespace sluice::lifecycle
