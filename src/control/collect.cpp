#include "control/collect.h"

#include <sluice/base/text.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

using Kind = HandedSocket::Kind;

Result<void> add_copy(HandoffState& handoff, HandedSocket what, int descriptor) {
  auto copy = net::Descriptor::duplicate_of(descriptor);
  if (!copy) return std::move(copy).error();
  handoff.sockets.push_back({std::move(what), *std::move(copy)});
  return {};
}

/// The next process finds out itself which backends flap.
upstream::HealthRecord left_of(upstream::HealthRecord standing) {
  standing.is_flapping = false;
  standing.passes_needed = 0;
  const bool is_known_by_traffic =
      standing.ejected > Duration::zero() || standing.held_draining > Duration::zero();
  if (!is_known_by_traffic) standing.cause.clear();  // Its next probe gives one.
  return standing;
}

Error broken(const std::string& name, std::string_view why) {
  return {.code = ErrorCode::malformed,
          .message = concat({"the socket of ", name, " cannot be taken: ", why})};
}

}  // namespace

HandoffState::Socket HandoffState::take(HandedSocket::Kind kind) {
  for (auto& socket : sockets) {
    if (socket.what.kind == kind && socket.descriptor.is_open()) return std::move(socket);
  }
  return {};
}

Result<HandoffState> collect(const listeners::SocketsById& sockets, const desired::DurableState& durable,
                             const proxy::Generation& current, const upstream::Monitor& monitor,
                             uint64_t newest) {
  HandoffState handoff;
  for (const auto& [id, listener] : sockets) {
    // One that cannot share its address is one that all workers share.
    const size_t count = listener->sockets.front()->shares_address() ? listener->sockets.size() : 1;
    for (unsigned i = 0; i < count; ++i) {
      auto added =
          add_copy(handoff, {Kind::listener, id, i, listener->lent}, listener->sockets[i]->descriptor());
      if (!added) return std::move(added).error();
    }
  }
  if (const desired::StateStore::File* file = durable.file()) {
    auto added = add_copy(handoff, {Kind::state_lock, file->path()}, file->lock());
    if (!added) return std::move(added).error();
  }
  handoff.state.process = ::getpid();
  handoff.state.saved = {.generation = newest, .changes = durable.desired().changes()};
  for (const auto& [name, pool] : current.config().pools) {
    for (const auto& state : current.states(name)) {
      // Earlier releases know no ejection: for them it is healthy, as its probes say.
      const bool is_ejected = state->health() == upstream::HealthState::ejected;
      handoff.state.backends.push_back({name, state->address(),
                                        is_ejected ? upstream::HealthState::healthy : state->health(),
                                        left_of(monitor.health_record(*state))});
    }
  }
  return handoff;
}

net::SocketIds ids_of_listeners(const HandoffState& handoff) {
  net::SocketIds ids = handoff.state.listening;
  for (const auto& socket : handoff.sockets) {
    const auto id = net::socket_id(socket.descriptor.get());
    if (socket.what.kind == Kind::listener && id) ids.insert(*id);
  }
  return ids;
}

Result<listeners::SocketsById> inherit_sockets(HandoffState* handoff, const config::Config& config,
                                               unsigned workers) {
  listeners::SocketsById inherited;
  if (handoff == nullptr) return inherited;
  for (auto& socket : handoff->sockets) {
    const std::string& id = socket.what.name;
    const auto is_it = [&](const config::Listener& listener) { return listener.bind.text() == id; };
    if (socket.what.kind != Kind::listener) continue;
    if (!socket.what.lent && std::ranges::none_of(config.listeners, is_it)) continue;
    auto adopted = net::ListeningSocket::adopt(std::move(socket.descriptor));
    if (!adopted) return broken(id, adopted.error().message);
    auto& listener = inherited[id];
    if (!listener) listener = std::make_shared<listeners::ListenerSockets>();
    listener->address = adopted->address();
    listener->shared = true;
    listener->lent = socket.what.lent;
    listener->sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(adopted)));
  }
  for (const auto& [id, listener] : inherited) {
    // The kernel would give clients to additional sockets at once.
    if (listener->sockets.front()->shares_address()) continue;
    if (auto widened = listeners::widen(*listener, workers); !widened)
      return broken(id, widened.error().message);
  }
  return inherited;
}

void inherit_health(const std::vector<HandedHealth>& known, const config::Config& config,
                    BackendStates::ByPool& states) {
  for (const auto& passed : known) {
    const auto pool = config.pools.find(passed.pool);
    if (pool == config.pools.end() || !pool->second->health.enabled) continue;
    for (const auto& state : states.at(passed.pool)) {
      if (state->address() != passed.address) continue;
      state->set_health(passed.health);
      state->set_inherited();
    }
  }
}

Result<std::unique_ptr<desired::DurableState>> open_state(config::Config config, HandoffState* handoff,
                                                          desired::StateStore* store, Log& log) {
  if (handoff == nullptr) return desired::DurableState::open(std::move(config), store, log);
  auto lock = handoff->take(Kind::state_lock);
  return desired::DurableState::inherit(std::move(config),
                                        {.saved = std::move(handoff->state.saved),
                                         .places = handoff->state.places,
                                         .path = std::move(lock.what.name),
                                         .lock = std::move(lock.descriptor),
                                         .reads = handoff->state.reads},
                                        store, log);
}

}  // namespace sluice::control
