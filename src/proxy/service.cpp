#include <sluice/base/memory.h>
#include <sluice/config/load.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/service.h>
#include <sluice/wire/http1_client.h>

#include <algorithm>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "proxy/client_bound.h"
#include "proxy/client_connection.h"
#include "proxy/served_listeners.h"
#include "proxy/server_settings.h"

namespace sluice::proxy {
namespace {

constexpr Duration kAccessLogFlush{200};
constexpr uint64_t kManyConnections = 1000;
/// Backends and pools close idle connections after seconds, or a minute or so.
constexpr Duration kGiveBackFirst{15'000};
constexpr Duration kGiveBackLast{60'000};

}  // namespace

struct Service::Impl {
  Impl(net::Network& the_network, ServiceSettings given)
      : network(the_network),
        settings(std::move(given)),
        exchange{.deadlines = executor.deadlines(), .counters = settings.counters, .access = access},
        clients{.wire = wire,
                .exchange = exchange,
                .active_streams = active_streams,
                .worker = settings.worker,
                .counts = settings.client_counts,
                .on_connection_over = [this] { on_connection_over(); },
                .on_moved = settings.on_moved} {
    log_access_to(std::exchange(settings.access_log, nullptr));
  }

  ~Impl() { close_all(); }

  void accept_no_more() {
    client_bound.stop();
    listeners.accept_no_more();
  }

  void close_all() {
    accept_no_more();
    listeners.close_all();
    access.flush();
  }

  observe::Account account() const {
    uint64_t inside = 0;
    for (const auto& generation : generations) inside += generation.shared->gate(settings.worker).inside();
    return account_of(settings.counters, settings.worker, inside);
  }

  // ---- generations

  void adopt(std::shared_ptr<Generation> next) {
    const config::Config& config = next->config();
    wire.settings = server_settings(config);
    response_limits = {.bytes = config.limits.response_head_bytes, .fields = config.limits.response_headers};
    exchange.recent.configure(config.recent_requests);
    std::map<std::string, std::shared_ptr<upstream::Pool>, std::less<>> next_pools;
    for (const auto& [name, pool] : config.pools) next_pools[name] = adopt_pool(*next, name, pool);
    for (const auto& [name, pool] : next_pools) pool->share_among(config.server.workers);
    for (const auto& [name, pool] : pools) {
      if (!next_pools.contains(name)) pool->retire();
    }
    pools = std::move(next_pools);

    const auto before = generations.empty() ? generations.end() : std::prev(generations.end());
    LocalGeneration& local = generations.emplace_back();
    for (const config::Route& route : config.routes) {
      WeightedTargets& ways = local.targets_of_route.emplace_back();
      for (const auto& [pool, weight] : config::shares(route)) {
        ways.push_back({.pool = pools.at(pool), .settings = config.pools.at(pool), .weight = weight});
      }
    }
    listeners.configure(config);
    clients.tunnel_bound = config.server.drain_timeout * 3 / 4;
    local.shared = std::move(next);
    clients.generation = &local;
    if (before != generations.end()) drain_generation(before, config.server.drain_timeout);
    client_bound.set_most(clients.generation->shared->config().server.max_connections);
  }

  /// The worker's pool of this name, as the generation wants it.
  std::shared_ptr<upstream::Pool> adopt_pool(const Generation& next, const std::string& name,
                                             const std::shared_ptr<const config::Pool>& config) {
    const auto known = pools.find(name);
    auto pool = known != pools.end() ? known->second
                                     : std::make_shared<upstream::Pool>(
                                           name, executor.deadlines(), settings.worker,
                                           next.config().server.workers, settings.queue_counts.of(name));
    const std::string& zone = next.config().server.zone;
    if (pool->config() == config && pool->zone() == zone) return pool;
    std::vector<std::shared_ptr<upstream::Backend>> backends;
    for (const auto& state : next.states(name)) backends.push_back(backend_for(*pool, state));
    pool->update(config, std::move(backends), zone);
    return pool;
  }

  std::shared_ptr<upstream::Backend> backend_for(const upstream::Pool& pool,
                                                 const std::shared_ptr<upstream::BackendState>& state) {
    if (auto known = pool.known(state)) return known;
    return std::make_shared<upstream::Backend>(
        state, settings.worker, connector, settings.on_trouble,
        [this](const auto& its_state, unsigned worker) { on_room(its_state, worker); }, settings.on_evidence);
  }

  /// In a later turn, even here: the exchange that gives back a lease is in the middle of something.
  void on_room(const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
    if (worker != settings.worker) return settings.on_room(state, worker);
    executor.post([this, state] { backend_has_room(*state); });
  }

  void backend_has_room(const upstream::BackendState& state) {
    const auto found = pools.find(state.pool());
    if (found == pools.end()) return;
    const auto pool = found->second;  // Kept: a request that is served may do anything.
    pool->slot_freed(state);
  }

  void drain_generation(std::list<LocalGeneration>::iterator old, Duration bound) {
    const uint64_t number = old->shared->number();
    old->drain_bound.set_callback([this, old] { end_drain(*old, generations.back(), settings.worker); });
    executor.deadlines().arm(old->drain_bound, bound);
    old->shared->gate(settings.worker).close([this, old, number] {
      generations.erase(old);
      settings.on_generation_drained(number);
    });
  }

  void backend_checked(const std::shared_ptr<upstream::BackendState>& state) {
    const auto found = pools.find(state->pool());
    if (found == pools.end()) return;
    const auto pool = found->second;  // Kept: a request that wakes may do anything.
    for (const auto& backend : pool->backends()) {
      if (backend->state() == state) backend->checked();
    }
    pool->wake();
  }

  // ---- connections

  void listen(const std::string& id, const net::ListeningSocket& socket) {
    listeners.listen(id, socket);
    if (client_bound.is_paused()) listeners.pause();
  }

  void on_accepted() {
    ++connections;
    if (connections >= kManyConnections) give_back_below = connections / 4;
    settings.counters.connections.set(connections);
    settings.counters.connections_accepted.add();
    client_bound.enter();
  }

  /// It was counted as accepted where it was, and a tunnel's request, which has to come to an end, too.
  void take(MigratedConnection moved, bool to_stay) {
    if (moved.record.tunnel) settings.counters.taken.add();
    auto transport = network.adopt(std::move(moved.client));
    if (!transport && moved.record.tunnel) settings.counters.end(observe::Disposition::failed_stopped);
    if (!transport) return;
    ++connections;
    client_bound.enter_moved();
    settings.counters.connections.set(connections);
    ConnectionState& record = moved.record;
    if (record.at.awaits_preface && !record.tunnel) {
      return listeners.add_arrival(*std::move(transport), std::move(record.at), record.listener, to_stay);
    }
    auto& connection =
        listeners.add(settings.make_connection(*std::move(transport), std::move(record.at), wire),
                      record.listener, to_stay);
    if (moved.record.tunnel) return take_tunnel(connection, std::move(moved), to_stay);
    if (!to_stay) connection.retire(ClientConnection::Patience::idle);
    connection.go_on();
  }

  void take_tunnel(ClientConnection& connection, MigratedConnection moved, bool to_stay) {
    const auto pool = pools.find(moved.record.tunnel->pool);
    const bool begun =
        pool != pools.end() && connection.begin_tunnel(std::move(moved), pool->second).has_value();
    if (begun && !to_stay) connection.retire();
    if (begun) return;
    settings.counters.end(observe::Disposition::failed_stopped);
    connection.close();
  }

  void on_connection_over() {
    --connections;
    settings.counters.connections.set(connections);
    if (connections < give_back_below) {
      // In steps, down to the last few: blocks in use hold back the free memory around them.
      give_back_below = connections / 4;
      executor.post(give_back_free_memory);
      give_back_after = kGiveBackFirst;
      executor.deadlines().arm(give_back_later, give_back_after);
    }
    if (connections == 0 && on_empty) executor.post(std::exchange(on_empty, nullptr));
    client_bound.leave();
  }

  /// The connections to backends that so many clients needed are among those blocks, and go after their idle
  /// time alone.
  void give_back_again() {
    if (connections >= kManyConnections / 4) return;  // Clients have come back, and would wait for it.
    give_back_free_memory();
    give_back_after *= 2;
    if (give_back_after <= kGiveBackLast) executor.deadlines().arm(give_back_later, give_back_after);
  }

  void log_access_to(std::shared_ptr<observe::AccessSink> sink) {
    access.set_sink(std::move(sink));
    flush_access_log();
  }

  /// What a quiet worker has logged is not kept back for long.
  void flush_access_log() {
    access.flush();
    if (access.is_on()) executor.deadlines().arm(flush_access, kAccessLogFlush);
  }

  void when_empty(std::function<void()> callback) {
    if (callback && connections == 0) return executor.post(std::move(callback));
    on_empty = std::move(callback);
  }

  net::Network& network;
  Executor& executor = network.executor();
  ServiceSettings settings;
  wire::ServerContext wire{.deadlines = executor.deadlines(),
                           .settings = {},
                           .readings = FreeList<wire::RequestReading>(),
                           .out = {}};
  http::HeadLimits response_limits = wire::kResponseLimits;  // also on connections that are open
  upstream::Connector connector = upstream::network_connector(network, [this](auto transport) {
    return std::make_unique<wire::Http1ClientConnection>(std::move(transport), executor.deadlines(), wire.out,
                                                         response_limits);
  });
  observe::AccessLog access;
  Deadline flush_access{[this] { flush_access_log(); }};
  ExchangeContext exchange;
  FreeList<ActiveStream> active_streams;
  ClientContext clients;
  std::list<LocalGeneration> generations;  // the newest last
  std::map<std::string, std::shared_ptr<upstream::Pool>, std::less<>> pools;
  ServedListeners listeners{network, clients, settings.make_connection, [this] { on_accepted(); }};
  std::function<void()> on_empty;
  uint64_t connections = 0;
  uint64_t give_back_below = 0;  // so few left after there were many: memory goes back to the system
  Duration give_back_after{};    // ... and again, so much later
  Deadline give_back_later{[this] { give_back_again(); }};
  ClientBound client_bound{executor, settings, wire.resting,
                           [this](bool paused) { paused ? listeners.pause() : listeners.resume(); }};
};

Service::Service(net::Network& network, ServiceSettings settings)
    : impl_(std::make_unique<Impl>(network, std::move(settings))) {}

Service::~Service() = default;

void Service::adopt(std::shared_ptr<Generation> next) {
  impl_->adopt(std::move(next));
}

std::vector<GenerationUse> Service::generations(size_t most) const {
  std::vector<GenerationUse> uses;
  for (const auto& generation : impl_->generations) uses.push_back(use_of(generation, most));
  return uses;
}

BackendUse Service::in_flight_to(std::span<const std::shared_ptr<upstream::BackendState>> backends,
                                 size_t most) const {
  BackendUse sum;
  for (const auto& generation : impl_->generations) add(sum, use_of(generation, backends, most), most);
  return sum;
}

const RecentRequests& Service::recent() const {
  return impl_->exchange.recent;
}

std::optional<InFlightInfo> Service::running(std::string_view request_id) const {
  for (const auto& generation : impl_->generations) {
    if (auto found = running_in(generation, request_id)) return found;
  }
  return std::nullopt;
}

void Service::listen(const std::string& id, const net::ListeningSocket& socket) {
  impl_->listen(id, socket);
}

void Service::stop_listening(const std::string& id, Queue queue) {
  impl_->listeners.stop_listening(id, queue);
}

void Service::stop_accepting(const std::string& id, const net::ListeningSocket& socket) {
  impl_->listeners.stop_accepting(id, socket);
}

void Service::when_empty(std::function<void()> callback) {
  impl_->when_empty(std::move(callback));
}

void Service::log_access_to(std::shared_ptr<observe::AccessSink> sink) {
  impl_->log_access_to(std::move(sink));
}

void Service::backend_checked(const std::shared_ptr<upstream::BackendState>& state) {
  impl_->backend_checked(state);
}

void Service::migrate(const std::string& id) {
  impl_->listeners.migrate(id);
}

void Service::migrate_all() {
  impl_->listeners.migrate_all();
}

void Service::adopt(MigratedConnection connection) {
  impl_->take(std::move(connection), true);
}

void Service::adopt_to_close(MigratedConnection connection) {
  impl_->take(std::move(connection), false);
}

void Service::stop_migrating() {
  impl_->listeners.stop_migrating();
}

void Service::retire_left() {
  impl_->listeners.retire_left();
}

void Service::cancel_migration() {
  impl_->listeners.cancel_migration();
}

void Service::backend_has_room(const std::shared_ptr<upstream::BackendState>& state) {
  impl_->backend_has_room(*state);
}

void Service::make_room() {
  impl_->client_bound.close_longest();
}

void Service::drain() {
  impl_->listeners.drain();
}

void Service::answer_all() {
  impl_->accept_no_more();
  impl_->listeners.answer_all();
}

void Service::close_all() {
  impl_->close_all();
}

observe::Account Service::account() const {
  return impl_->account();
}

}  // namespace sluice::proxy
