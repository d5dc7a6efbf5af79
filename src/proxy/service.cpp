#include <sluice/base/memory.h>
#include <sluice/config/load.h>
#include <sluice/net/acceptor.h>
#include <sluice/net/connector.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/service.h>
#include <sluice/upstream/dialer.h>

#include <algorithm>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "proxy/client_bound.h"
#include "proxy/client_connection.h"
#include "proxy/listener_names.h"
#include "proxy/server_settings.h"

namespace sluice::proxy {
namespace {

constexpr Duration kAccessLogFlush{200};
constexpr uint64_t kManyConnections = 1000;
constexpr size_t kMovedInATurn = 64;  // so that those that stay are served in between

}  // namespace

struct Service::Impl {
  /// One listener's share on this worker.
  struct Listening {
    explicit Listening(ListenerName the_name) : name(std::move(the_name)) {}
    ListenerName name;
    wire::ServerOptions options;
    std::map<const net::ListeningSocket*, net::Acceptor> acceptors;
    ClientConnections connections;
  };

  Impl(net::Loop& the_loop, ServiceSettings given)
      : loop(the_loop),
        settings(std::move(given)),
        dialer(loop, wire.out),
        exchange{
            .deadlines = loop.deadlines(), .dialer = dialer, .counters = settings.counters, .access = access},
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
    for (auto& [id, listener] : listening) listener.acceptors.clear();
  }

  void answer_all() {
    accept_no_more();
    ClientConnections all;
    while (ClientConnection* connection = any_connection()) {
      connection->hook.unlink();
      all.push_back(*connection);
    }
    while (ClientConnection* connection = all.pop_front()) {
      left.push_back(*connection);
      connection->end();
    }
  }

  void close_all() {
    accept_no_more();
    while (ClientConnection* connection = any_connection()) connection->close();
    access.flush();
  }

  observe::Account account() const {
    uint64_t inside = 0;
    for (const auto& generation : generations) inside += generation.shared->gate(settings.worker).inside();
    return account_of(settings.counters, settings.worker, inside);
  }

  ClientConnection* any_connection() {
    if (ClientConnection* connection = left.front()) return connection;
    if (ClientConnection* connection = moving.front()) return connection;
    for (auto& [id, listener] : listening) {
      if (ClientConnection* connection = listener.connections.front()) return connection;
    }
    return nullptr;
  }

  // ---- generations

  void adopt(std::shared_ptr<Generation> next) {
    const config::Config& config = next->config();
    wire.settings = server_settings(config);
    dialer.set_limits({.bytes = config.limits.response_head_bytes, .fields = config.limits.response_headers});
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
    listener_names.update(config);
    for (auto& [id, listener] : listening) set_options(id, listener, config);
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
                                           name, loop.deadlines(), settings.worker,
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
        state, settings.worker, settings.on_trouble,
        [this](const auto& its_state, unsigned worker) { on_room(its_state, worker); }, settings.on_evidence);
  }

  /// In a later turn, even here: the exchange that gives back a lease is in the middle of something.
  void on_room(const std::shared_ptr<upstream::BackendState>& state, unsigned worker) {
    if (worker != settings.worker) return settings.on_room(state, worker);
    loop.post([this, state] { backend_has_room(*state); });
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
    loop.deadlines().arm(old->drain_bound, bound);
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
    Listening& listener = listening_on(id);
    listener.options.local = socket.address();
    set_options(id, listener, clients.generation->shared->config());
    const auto accepted = [this, &listener](std::unique_ptr<net::Transport> transport) {
      on_connection(listener, std::move(transport));
    };
    const auto [entry, is_new] =
        listener.acceptors.try_emplace(&socket, loop, socket, accepted, net::Acceptor::Reserve::keep);
    CHECK(is_new);
    if (client_bound.is_paused()) entry->second.pause();
  }

  Listening& listening_on(const std::string& id) {
    return listening.try_emplace(id, listener_names.of(id)).first->second;
  }

  /// What the newest configuration wants of a listener's connections.
  static void set_options(const std::string& id, Listening& listener, const config::Config& config) {
    for (const auto& configured : config.listeners) {
      if (configured.bind.text() == id) listener.options.proxy_protocol = configured.proxy_protocol;
    }
  }

  void on_connection(Listening& listener, std::unique_ptr<net::Transport> transport) {
    ++connections;
    if (connections >= kManyConnections) give_back_below = connections / 4;
    settings.counters.connections.set(connections);
    settings.counters.connections_accepted.add();
    client_bound.enter();
    auto from = wire::accepted(*transport, listener.options);
    const bool is_known = !from.awaits_preface;
    auto& connection = make(std::move(transport), std::move(from), listener.name);
    listener.connections.push_back(connection);
    is_known ? connection.begin() : connection.begin_unknown();
  }

  ClientConnection& make(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                         ListenerName name) {
    return ClientConnection::make(
        std::make_unique<wire::Http1ServerConnection>(std::move(transport), std::move(from), wire), clients,
        std::move(name));
  }

  /// It was counted as accepted where it was, and a tunnel's request, which has to come to an end, too.
  void take(MigratedConnection moved, bool to_stay) {
    if (moved.record.tunnel) settings.counters.taken.add();
    auto transport = net::adopt(loop, std::move(moved.client));
    if (!transport && moved.record.tunnel) settings.counters.end(observe::Disposition::failed_stopped);
    if (!transport) return;
    ++connections;
    client_bound.enter_moved();
    settings.counters.connections.set(connections);
    const bool is_known = !moved.record.at.awaits_preface;
    auto& connection =
        make(*std::move(transport), std::move(moved.record.at), listener_names.of(moved.record.listener));
    // This worker may have no socket of that listener yet.
    (to_stay ? listening_on(moved.record.listener).connections : left).push_back(connection);
    if (!to_stay) connection.mark_for_migration(name_of_handed_over(moved.record.listener));
    if (moved.record.tunnel) return take_tunnel(connection, std::move(moved), to_stay);
    if (!to_stay) connection.retire(ClientConnection::Patience::idle);
    is_known ? connection.go_on() : connection.begin_unknown();
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
      loop.post(give_back_free_memory);
    }
    if (connections == 0 && on_empty) loop.post(std::exchange(on_empty, nullptr));
    client_bound.leave();
  }

  void log_access_to(std::shared_ptr<observe::AccessSink> sink) {
    access.set_sink(std::move(sink));
    flush_access_log();
  }

  /// What a quiet worker has logged is not kept back for long.
  void flush_access_log() {
    access.flush();
    if (access.is_on()) loop.deadlines().arm(flush_access, kAccessLogFlush);
  }

  void pause_accepting(bool paused) {
    for (auto& [id, listener] : listening) {
      for (auto& [socket, acceptor] : listener.acceptors) paused ? acceptor.pause() : acceptor.resume();
    }
  }

  void stop_listening(std::map<std::string, Listening>::iterator listener, Queue queue) {
    if (queue == Queue::accept) {
      for (auto& [socket, acceptor] : listener->second.acceptors) acceptor.accept_queue();
    }
    listener->second.acceptors.clear();
    while (ClientConnection* connection = listener->second.connections.pop_front()) {
      left.push_back(*connection);
      connection->retire();
    }
    listening.erase(listener);
  }

  void drain() {
    while (!listening.empty()) stop_listening(listening.begin(), Queue::accept);
  }

  void when_empty(std::function<void()> callback) {
    if (callback && connections == 0) return loop.post(std::move(callback));
    on_empty = std::move(callback);
  }

  // ---- to another owner

  /// As long as stay() may want to know it.
  const std::string& name_of_handed_over(const std::string& listener) {
    const auto known = std::ranges::find(handed_over, listener);
    return known != handed_over.end() ? *known : handed_over.emplace_back(listener);
  }

  void hand_over(std::map<std::string, Listening>::iterator listener) {
    const std::string& name = name_of_handed_over(listener->first);
    listener->second.acceptors.clear();
    const bool is_first = moving.empty();
    while (ClientConnection* connection = listener->second.connections.pop_front()) {
      moving.push_back(*connection);
      connection->mark_for_migration(name);
    }
    listening.erase(listener);
    if (is_first) move_some();
  }

  void move_some() {
    for (size_t i = 0; i < kMovedInATurn; ++i) {
      ClientConnection* connection = moving.pop_front();
      if (connection == nullptr) return;
      left.push_back(*connection);
      connection->migrate();
    }
    loop.post([this] { move_some(); });
  }

  void stop_migrating() {
    while (ClientConnection* connection = moving.pop_front()) left.push_back(*connection);
    using Patience = ClientConnection::Patience;
    for (auto* each = left.front(); each != nullptr; each = left.next(*each)) {
      each->retire(each->is_to_move() ? Patience::idle : Patience::quiet);
    }
  }

  void retire_left() {
    for (auto* each = left.front(); each != nullptr; each = left.next(*each)) each->retire();
  }

  void stay() {
    for (ClientConnections* list : {&moving, &left}) {
      ClientConnections others;
      while (ClientConnection* connection = list->pop_front()) {
        const std::string* listener = connection->cancel_migration();
        (listener == nullptr ? others : listening_on(*listener).connections).push_back(*connection);
      }
      while (ClientConnection* connection = others.pop_front()) list->push_back(*connection);
    }
    handed_over.clear();
  }

  net::Loop& loop;
  ServiceSettings settings;
  wire::ServerContext wire{
      .deadlines = loop.deadlines(), .settings = {}, .readings = FreeList<wire::RequestReading>(), .out = {}};
  upstream::SocketDialer dialer;
  observe::AccessLog access;
  Deadline flush_access{[this] { flush_access_log(); }};
  ExchangeContext exchange;
  FreeList<ActiveStream> active_streams;
  ClientContext clients;
  std::list<LocalGeneration> generations;  // the newest last
  std::map<std::string, std::shared_ptr<upstream::Pool>, std::less<>> pools;
  ListenerNames listener_names;
  std::map<std::string, Listening> listening;
  std::list<std::string> handed_over;  // listeners, which the connections that move refer to
  ClientConnections moving;            // to be moved in one of the next turns
  ClientConnections left;              // of listeners that are gone; some are to move as soon as they can
  std::function<void()> on_empty;
  uint64_t connections = 0;
  uint64_t give_back_below = 0;  // so few left after there were many: memory goes back to the system
  ClientBound client_bound{loop, settings, wire.resting, [this](bool paused) { pause_accepting(paused); }};
};

Service::Service(net::Loop& loop, ServiceSettings settings)
    : impl_(std::make_unique<Impl>(loop, std::move(settings))) {}

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
  const auto found = impl_->listening.find(id);
  if (found != impl_->listening.end()) impl_->stop_listening(found, queue);
}

void Service::stop_accepting(const std::string& id, const net::ListeningSocket& socket) {
  const auto found = impl_->listening.find(id);
  if (found != impl_->listening.end()) found->second.acceptors.erase(&socket);
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
  const auto found = impl_->listening.find(id);
  if (found != impl_->listening.end()) impl_->hand_over(found);
}

void Service::migrate_all() {
  while (!impl_->listening.empty()) impl_->hand_over(impl_->listening.begin());
}

void Service::adopt(MigratedConnection connection) {
  impl_->take(std::move(connection), true);
}

void Service::adopt_to_close(MigratedConnection connection) {
  impl_->take(std::move(connection), false);
}

void Service::stop_migrating() {
  impl_->stop_migrating();
}

void Service::retire_left() {
  impl_->retire_left();
}

void Service::cancel_migration() {
  impl_->stay();
}

void Service::backend_has_room(const std::shared_ptr<upstream::BackendState>& state) {
  impl_->backend_has_room(*state);
}

void Service::make_room() {
  impl_->client_bound.close_longest();
}

void Service::drain() {
  impl_->drain();
}

void Service::answer_all() {
  impl_->answer_all();
}

void Service::close_all() {
  impl_->close_all();
}

observe::Account Service::account() const {
  return impl_->account();
}

}  // namespace sluice::proxy
