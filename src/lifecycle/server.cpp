#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/share.h>
#include <sluice/lifecycle/server.h>
#include <sluice/upstream/monitor.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lifecycle/backend_states.h"
#include "lifecycle/conditions.h"
#include "lifecycle/durable_state.h"
#include "lifecycle/estate.h"
#include "lifecycle/ledger.h"
#include "lifecycle/listening.h"
#include "lifecycle/next_file.h"
#include "lifecycle/worker.h"

namespace sluice::lifecycle {
struct Server::Impl {
  Impl(net::Loop& the_loop, Log& the_log, std::string path, std::function<void()> finished_callback)
      : loop(the_loop),
        log(the_log),
        config_path(std::move(path)),
        on_finished(std::move(finished_callback)),
        conditions(loop.deadlines()),
        half_open([this] { drain_workers(); }),
        drain_deadline([this] { finish("the drain timeout is over"); }),
        started(loop.clock().now()),
        listening(loop, log, workers) {}

  // ---- start

  Result<void> start(config::Config config, const Origin& origin) {
    const unsigned count = config.server.workers;
    Estate* const estate = origin.estate;
    if (origin.manager != nullptr) listening.keep_with(*(manager = origin.manager));
    auto inherited = inherit_sockets(estate, config, count);
    if (!inherited) return std::move(inherited).error();
    if (manager != nullptr) inherited->merge(take_given(*manager, config, count, log));
    auto opened = open_listeners(config, *inherited, count);
    if (!opened) return std::move(opened).error();
    auto sink = access_log_for(config);
    if (!sink) return std::move(sink).error();
    auto opened_state = open_state(std::move(config), estate, log);
    if (!opened_state) return std::move(opened_state).error();
    durable = *std::move(opened_state);
    newest = durable->last_generation();
    owns = estate == nullptr;
    if (owns) {
      if (auto kept = durable->advance(durable->desired(), newest + 1); !kept) return kept;
    }
    ledger.emplace(count);
    counters = std::vector<observe::WorkerCounters>(count);
    monitor.emplace(loop, log, [this](const auto& state) { tell_checked(state); });
    for (unsigned i = 0; i < count; ++i)
      workers.push_back(std::make_unique<Worker>(worker_settings(i, count)));
    use_access_log(*std::move(sink));
    publish(*std::move(opened), owns ? "start" : "takeover", owns ? nullptr : &estate->state.backends);
    return {};
  }

  // ---- the access log

  using Sink = std::shared_ptr<observe::AccessSink>;

  /// The one in use, when it is what the configuration asks for.
  Result<Sink> access_log_for(const config::Config& config) const {
    const bool is_same = current && config.server.access_log == current->config().server.access_log;
    return is_same ? Result<Sink>(access_log) : open_access_log(config.server.access_log, config_path);
  }

  void use_access_log(Sink sink) {
    if (sink == access_log) return;
    access_log = std::move(sink);
    for (auto& worker : workers) {
      worker->post([sink = access_log](proxy::Service& service) { service.log_access_to(sink); });
    }
  }

  proxy::ServiceSettings worker_settings(unsigned index, unsigned count) {
    return {.worker = index,
            .workers = count,
            .counters = counters[index],
            .client_counts = client_counts,
            .on_trouble =
                [this](const std::shared_ptr<upstream::BackendState>& state) {
                  loop.post([this, state] { monitor->check_now(state); });
                },
            .on_generation_drained =
                [this](uint64_t number) { loop.post([this, number] { on_drained(number); }); },
            .on_room =
                [this](const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
                  loop.post([this, state, worker] { tell_room(state, worker); });
                }};
  }

  // ---- generations

  /// Makes the desired state the newest generation. Everything that can fail has been done by now.
  void publish(SocketsById next_sockets, std::string cause,
               const std::vector<PassedHealth>* known_health = nullptr) {
    auto next = std::make_shared<config::Config>(durable->desired().effective());
    if (current) config::share_unchanged(*next, current->config());
    const unsigned count = static_cast<unsigned>(workers.size());
    auto next_states = backend_states.states_for(*next, current.get(), count);
    if (known_health != nullptr) inherit_health(*known_health, *next, next_states);
    const auto back_from_drain = undrained(current.get(), *next);
    current =
        std::make_shared<proxy::Generation>(++newest, std::move(cause), next, std::move(next_states), count);
    ledger->publish(current, loop.clock().now());
    watch_backends();
    for (const auto& state : back_from_drain) monitor->begin_anew(state);
    for (unsigned i = 0; i < count; ++i) {
      workers[i]->post([this, i, generation = current](proxy::Service& service) {
        const uint64_t number = generation->number();
        service.adopt(generation);
        loop.post([this, i, number] { ledger->adopted(i, number); });
      });
    }
    listening.change(std::move(next_sockets));
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
    for (auto& worker : workers) {
      worker->post([state](proxy::Service& service) { service.backend_checked(state); });
    }
  }

  void tell_room(const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
    workers[worker]->post([state](proxy::Service& service) { service.backend_has_room(state); });
  }

  void on_drained(uint64_t number) {
    if (ledger->drained(number))
      log.info("generation ended" + field("number", static_cast<long long>(number)));
  }

  // ---- changes

  Result<void> check_may_change() const {
    const auto conflict = [](const char* why) { return Error{.code = ErrorCode::conflict, .message = why}; };
    if (stopping) return conflict("it is stopping: nothing changes any more");
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
    if (manager != nullptr && owns && !stopping) manager->tell(lines);
  }

  Result<Change> load_and_publish(AdminChanges admin_changes, Revision revision) {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    auto file = load_next(config_path, current->config());
    if (!file) return std::move(file).error();
    auto opened = open_listeners(*file, listening.sockets(), static_cast<unsigned>(workers.size()));
    if (!opened) return std::move(opened).error();
    auto sink = access_log_for(*file);
    if (!sink) return std::move(sink).error();
    DesiredState next = durable->desired();
    if (admin_changes == AdminChanges::drop) next.drop_changes();
    next.replace_file(*std::move(file));
    if (auto kept = durable->advance(std::move(next), newest + 1); !kept) return std::move(kept).error();
    use_access_log(*std::move(sink));
    const auto before = current;
    publish(*std::move(opened), "reload");
    tell_waiting(durable->desired(), log);
    auto differences = config::differences(before->config(), current->config());
    tell_differences(differences, log);
    return Change{.generation = newest, .differences = std::move(differences)};
  }

  Result<Change> change(const std::function<Result<bool>(DesiredState&)>& edit, Revision revision) {
    if (auto may = check_may_change(); !may) return std::move(may).error();
    if (auto same = check_revision(revision); !same) return std::move(same).error();
    DesiredState next = durable->desired();
    const auto changed = edit(next);
    if (!changed) return changed.error();
    if (next.changes() != durable->desired().changes()) {
      const uint64_t number = newest + (*changed ? 1 : 0);
      if (auto kept = durable->advance(std::move(next), number); !kept) return std::move(kept).error();
    }
    if (*changed) publish(listening.sockets(), "admin");
    return Change{.generation = newest, .changed = *changed};
  }

  // ---- stop

  void stop() {
    tell("STOPPING=1");
    if (!owns && !stopping) listening.hand_back();
    leave("stopping");
  }

  /// Ends what is on the listeners that are left, and then everything else.
  void leave(std::string_view why) {
    if (std::exchange(stopping, true)) return finish("told twice");
    log.info(std::string(why) + field("drain_timeout_ms", current->config().server.drain_timeout.count()));
    const bool more_may_come = listening.refuse_new_connections();
    loop.deadlines().arm(half_open, more_may_come ? kHalfOpen : Duration{1});
    loop.deadlines().arm(drain_deadline, current->config().server.drain_timeout);
  }

  void drain_workers() {
    workers_left = workers.size();
    for (auto& worker : workers) {
      worker->post([this](proxy::Service& service) {
        service.drain([this] {
          loop.post([this] {
            if (--workers_left == 0) wait_for_predecessors();
          });
        });
      });
    }
  }

  /// Nobody else hears what they have still to tell.
  void wait_for_predecessors() {
    alone = conditions.when([this] { return predecessors.draining() == 0; },
                            current->config().server.drain_timeout, [this](bool) { finish("drained"); });
  }

  void finish(std::string_view why) {
    if (std::exchange(finished, true)) return;
    half_open.disarm();
    drain_deadline.disarm();
    log.info("stopped" + field("why", why));
    on_finished();
  }

  net::Loop& loop;
  Log& log;
  std::string config_path;
  std::function<void()> on_finished;
  Conditions conditions;
  Deadline half_open;
  Deadline drain_deadline;
  TimePoint started;
  std::unique_ptr<DurableState> durable;
  std::optional<Ledger> ledger;
  std::vector<observe::WorkerCounters> counters;
  proxy::ClientCounts client_counts;
  Sink access_log;
  std::optional<upstream::Monitor> monitor;
  std::shared_ptr<proxy::Generation> current;
  BackendStates backend_states;
  uint64_t newest = 0;
  Predecessors predecessors;
  net::ServiceManager* manager = nullptr;
  Wait alone;
  size_t workers_left = 0;
  bool owns = true;           // false: another process accepts on the listeners as well
  bool changes_held = false;  // for a takeover
  bool stopping = false;
  bool finished = false;
  Listening listening;
  std::vector<std::unique_ptr<Worker>> workers;  // Last: their threads end before what they use does.
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
  if (impl_->access_log) impl_->access_log->reopen();
}

void Server::stop() {
  impl_->stop();
}

bool Server::is_stopping() const {
  return impl_->stopping;
}

Result<Estate> Server::estate() const {
  return make_estate(impl_->listening.sockets(), *impl_->durable, *impl_->current, impl_->newest);
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

void Server::hand_over(const std::set<std::string>& listeners) {
  impl_->listening.hand_over(listeners);
  impl_->listening.forget();
  impl_->durable->let_go_of_file();
  impl_->leave("handed over");
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
  return impl_->ledger->is_adopted(generation);
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

std::vector<GenerationInfo> Server::generations() const {
  std::vector<GenerationInfo> infos;
  for (const auto& entry : impl_->ledger->entries()) {
    infos.push_back({.number = entry.generation->number(),
                     .cause = entry.generation->cause(),
                     .age = impl_->loop.clock().now() - entry.since,
                     .in_flight = entry.generation->in_flight(),
                     .is_current = entry.generation == impl_->current});
  }
  return infos;
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
  std::vector<BackendInfo> infos;
  for (const auto& [name, settings] : config().pools) {
    if (!pool.empty() && pool != name) continue;
    const auto& states = impl_->current->states(name);
    for (size_t i = 0; i < states.size(); ++i) {
      const auto& backend = settings->backends[i];
      infos.push_back(
          {.pool = name,
           .backend = backend,
           .state = states[i],
           .health = backend.drain ? "draining" : std::string(upstream::name(states[i]->health())),
           .cause = backend.drain ? "admin" : impl_->monitor->cause(*states[i])});
    }
  }
  return infos;
}

Totals Server::totals() const {
  const auto& last = impl_->predecessors.last();
  Totals totals = last ? last->totals : Totals();
  for (const auto& worker : impl_->counters) totals.add(worker);
  return totals;
}

void Server::ask_workers(std::function<void()> all_answered) {
  const auto left = std::make_shared<size_t>(impl_->workers.size());
  const auto answer = [left, all_answered = std::move(all_answered)] {
    if (--*left == 0) all_answered();
  };
  for (auto& worker : impl_->workers) {
    worker->post([impl = impl_.get(), answer](proxy::Service&) { impl->loop.post(answer); });
  }
}

Duration Server::uptime() const {
  return impl_->loop.clock().now() - impl_->started;
}

}  // namespace sluice::lifecycle
