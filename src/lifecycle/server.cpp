#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/share.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/descriptors.h>
#include <sluice/resolve/names.h>
#include <sluice/upstream/monitor.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lifecycle/backend_states.h"
#include "lifecycle/conditions.h"
#include "lifecycle/describe_backends.h"
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
namespace {

constexpr size_t kMostHolders = 5;
constexpr Duration kPatience{2000};  // with workers that are asked

}  // namespace

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
    if (origin.manager != nullptr) listening.keep_with(*(manager = origin.manager));
    auto inherited = inherit_sockets(estate, config, count);
    if (!inherited) return std::move(inherited).error();
    if (manager != nullptr) inherited->merge(take_given(*manager, config, count, log));
    auto opened = open_listeners(config, *inherited);
    if (!opened) return std::move(opened).error();
    auto next_logs = logs.prepare(config.server);
    if (!next_logs) return std::move(next_logs).error();
    logs.use(*std::move(next_logs));
    monitor.emplace(loop, log, [this](const auto& state) { tell_checked(state); });
    if (auto running = workers.start(count); !running) return running;
    workers.set_accepting(count);
    auto opened_state = open_state(std::move(config), estate, log);
    if (!opened_state) return std::move(opened_state).error();
    durable = *std::move(opened_state);
    newest = durable->last_generation();
    owns = estate == nullptr;
    if (owns) {
      if (auto kept = durable->advance(durable->desired(), newest + 1); !kept) return kept;
    }
    publish(*std::move(opened), owns ? "start" : "takeover", owns ? nullptr : &estate->state.backends);
    if (!owns) names.know(estate->state.places);
    return {};
  }

  // ---- workers

  proxy::ServiceSettings worker_settings(unsigned index) {
    return {.worker = index,
            .counters = workers.counters(index),
            .client_counts = workers.client_counts(),
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
                  loop.post([this, shared] { departures.add(std::move(*shared)); });
                },
            .on_room = [this](const std::shared_ptr<upstream::BackendState>& state,
                              unsigned its) { loop.post([this, state, its] { tell_room(state, its); }); }};
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
    current = std::make_shared<proxy::Generation>(++newest, std::move(cause), next, std::move(next_states),
                                                  workers.bound());
    const auto living = workers.living();
    ledger.publish(current, loop.clock().now(), living);
    watch_backends();
    names.watch(*next);
    pauses.follow(durable->desired().changes().pauses, current->cause());
    for (const auto& state : back_from_drain) monitor->begin_anew(state);
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
  }

  void watch_backends() {
    std::vector<upstream::Target> targets;
    for (const auto& [name, pool] : current->config().pools) {
      for (const auto& state : current->states(name)) targets.push_back({state, pool});
    }
    monitor->watch(targets);
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
    const auto conflict = [](const char* why) { return Error{.code = ErrorCode::conflict, .message = why}; };
    if (stopping.has_begun()) return conflict("it is stopping: nothing changes any more");
    if (changes_held) return conflict("a new process is taking over: try again in a moment");
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
    if (!owns && !stopping.has_begun()) listening.hand_back();
    leave("stopping");
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
  Departures departures;
  Pauses pauses{loop.deadlines(), log, [this](const auto& over, auto cause) { return resume(over, cause); }};
  resolve::Names names{loop, log, [this](const auto& places) { return use(places); }};
  bool owns = true;           // false: another process accepts on the listeners as well
  bool changes_held = false;  // for a takeover
  Listening listening;
  Stopping stopping;
  Workers workers;  // Last: their threads end before what they use does.
};

Server::Server(net::Loop& loop, Log& log, std::string config_path, std::function<void()> on_finished)
    : impl_(std::make_unique<Impl>(loop, log, std::move(config_path), std::move(on_finished))) {}

Server::~Server() = default;

Result<void> Server::start(config::Config config, const Origin& origin) {
  return impl_->start(std::move(config), origin);
}

Result<Server::Change> Server::reload(AdminChanges admin_changes, Revision revision) {
  return impl_->reload(admin_changes, revision);
}

Result<Server::Change> Server::change(const std::function<Result<bool>(DesiredState&)>& edit,
                                      Revision revision) {
  return impl_->change(edit, revision);
}

Result<void> Server::check_revision(Revision revision) const {
  return impl_->check_revision(revision);
}

void Server::reopen_logs() {
  impl_->logs.reopen();
}

void Server::stop() {
  impl_->stop();
}

bool Server::is_stopping() const {
  return impl_->stopping.has_begun();
}

Result<Estate> Server::estate() const {
  if (auto may = impl_->pauses.check_none(); !may) return std::move(may).error();
  auto estate = make_estate(impl_->listening.sockets(), *impl_->durable, *impl_->current, impl_->newest);
  if (estate) estate->state.places = impl_->names.places();
  return estate;
}

void Server::hold_changes(bool hold) {
  impl_->changes_held = hold;
}

std::set<std::string> Server::shared_listeners() const {
  return impl_->listening.shared();
}

void Server::own() {
  impl_->owns = true;
  impl_->listening.own();
  static_cast<void>(impl_->durable->advance(impl_->durable->desired(), impl_->newest));
}

void Server::hand_over(const std::set<std::string>& listeners, Clients clients) {
  impl_->listening.hand_over(listeners, clients);
  impl_->listening.forget();
  impl_->durable->let_go_of_file();
  impl_->leave("handed over");
}

Departures& Server::departures() {
  return impl_->departures;
}

/// One that comes late goes on to the process that has taken over from this one, which looks for itself.
bool Server::may_take(const proxy::ConnectionRecord& connection) const {
  if (impl_->departures.is_open()) return true;
  if (is_stopping() || !impl_->listening.sockets().contains(connection.listener)) return false;
  if (!connection.tunnel) return true;
  return known_state(impl_->current.get(), connection.tunnel->pool, connection.tunnel->backend) != nullptr;
}

size_t Server::room_for_clients() const {
  const uint64_t most = config().server.max_connections;
  const uint64_t here = impl_->workers.connections();
  return std::min<size_t>(most - std::min(most, here), net::descriptors_left_for_clients());
}

void Server::take(proxy::MovedConnection connection) {
  if (impl_->departures.is_open()) return impl_->departures.add(std::move(connection));
  impl_->workers.give(std::move(connection), &proxy::Service::take);
}

Predecessors& Server::predecessors() {
  return impl_->predecessors;
}

const Predecessors& Server::predecessors() const {
  return impl_->predecessors;
}

Wait Server::when(std::function<bool()> condition, Duration bound, std::function<void(bool)> callback) {
  return impl_->conditions.when(std::move(condition), bound, std::move(callback));
}

bool Server::is_adopted(uint64_t generation) const {
  return impl_->ledger.is_adopted(generation);
}

const config::Config& Server::config() const {
  return impl_->current->config();
}

uint64_t Server::generation() const {
  return impl_->newest;
}

const DesiredState& Server::desired() const {
  return impl_->durable->desired();
}

Wait Server::ask_generations(std::function<void(std::vector<GenerationInfo>)> callback) {
  struct Answers {
    size_t left;
    std::map<uint64_t, proxy::GenerationUse> uses;
  };
  auto answers = std::make_shared<Answers>(impl_->workers.living().size());
  impl_->workers.post_all([impl = impl_.get(), answers](const proxy::Service& service) {
    impl->loop.post([answers, uses = service.generations(kMostHolders)] {
      for (const auto& use : uses) add(answers->uses[use.number], use, kMostHolders);
      --answers->left;
    });
  });
  return impl_->conditions.when([answers] { return answers->left == 0; }, kPatience,
                                [impl = impl_.get(), answers, callback = std::move(callback)](bool) {
                                  callback(impl->describe_generations(std::move(answers->uses)));
                                });
}

size_t Server::leaving_workers() const {
  return impl_->workers.living().size() - impl_->workers.accepting();
}

std::vector<ListenerInfo> Server::listeners() const {
  std::vector<ListenerInfo> infos;
  for (const auto& listener : config().listeners) {
    const Address* address = impl_->listening.address(listener.bind.text());
    infos.push_back({listener.name, address == nullptr ? listener.bind : *address});
  }
  return infos;
}

std::shared_ptr<upstream::BackendState> Server::backend_state(const std::string& pool,
                                                              const Address& address) const {
  auto state = known_state(impl_->current.get(), pool, address);
  return state ? state : impl_->backend_states.former(pool, address);
}

std::vector<BackendInfo> Server::backends(std::string_view pool) const {
  return describe_backends(*impl_->current, *impl_->monitor, pool);
}

Totals Server::totals() const {
  const auto& last = impl_->predecessors.last();
  Totals totals = last ? last->totals : Totals();
  impl_->workers.add_to(totals);
  totals.connections += impl_->departures.size();
  return totals;
}

void Server::ask_workers(std::function<void()> all_answered) {
  impl_->workers.ask_all(std::move(all_answered));
}

std::optional<resolve::NameInfo> Server::name_info(const config::HostName& name) const {
  return impl_->names.info(name);
}

TimePoint Server::now() const {
  return impl_->loop.clock().now();
}

Duration Server::uptime() const {
  return impl_->loop.clock().now() - impl_->started;
}

}  // namespace sluice::lifecycle
