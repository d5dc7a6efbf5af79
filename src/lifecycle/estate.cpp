#include "lifecycle/estate.h"

#include <sluice/base/text.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {
namespace {

using Kind = PassedSocket::Kind;

Result<void> add_copy(Estate& estate, PassedSocket what, int descriptor) {
  auto copy = net::Descriptor::duplicate_of(descriptor);
  if (!copy) return std::move(copy).error();
  estate.sockets.push_back({std::move(what), *std::move(copy)});
  return {};
}

/// The next process looks for itself who flaps.
upstream::Standing left_of(upstream::Standing standing) {
  standing.is_flapping = false;
  standing.passes_needed = 0;
  const bool is_known_by_traffic =
      standing.ejected > Duration::zero() || standing.held_draining > Duration::zero();
  if (!is_known_by_traffic) standing.cause.clear();  // Its next probe tells.
  return standing;
}

Error broken(const std::string& name, std::string_view why) {
  return {.code = ErrorCode::malformed,
          .message = concat({"the socket of ", name, " cannot be taken: ", why})};
}

}  // namespace

Estate::Socket Estate::take(PassedSocket::Kind kind) {
  for (auto& socket : sockets) {
    if (socket.what.kind == kind && socket.descriptor.is_open()) return std::move(socket);
  }
  return {};
}

Result<Estate> make_estate(const SocketsById& sockets, const DurableState& durable,
                           const proxy::Generation& current, const upstream::Monitor& monitor,
                           uint64_t newest) {
  Estate estate;
  for (const auto& [id, listener] : sockets) {
    // One that cannot share its address is one that all workers share.
    const size_t count = listener->sockets.front()->shares_address() ? listener->sockets.size() : 1;
    for (unsigned i = 0; i < count; ++i) {
      auto added =
          add_copy(estate, {Kind::listener, id, i, listener->lent}, listener->sockets[i]->descriptor());
      if (!added) return std::move(added).error();
    }
  }
  if (const DurableFile* file = durable.file()) {
    auto added = add_copy(estate, {Kind::state_lock, file->path()}, file->lock());
    if (!added) return std::move(added).error();
  }
  estate.state.process = ::getpid();
  estate.state.saved = {.generation = newest, .changes = durable.desired().changes()};
  for (const auto& [name, pool] : current.config().pools) {
    for (const auto& state : current.states(name)) {
      // Processes of before know no ejection: to them its probes say that it is healthy.
      const bool is_ejected = state->health() == upstream::HealthState::ejected;
      estate.state.backends.push_back({name, state->address(),
                                       is_ejected ? upstream::HealthState::healthy : state->health(),
                                       left_of(monitor.standing(*state))});
    }
  }
  return estate;
}

Result<SocketsById> inherit_sockets(Estate* estate, const config::Config& config, unsigned workers) {
  SocketsById inherited;
  if (estate == nullptr) return inherited;
  for (auto& socket : estate->sockets) {
    const std::string& id = socket.what.name;
    const auto is_it = [&](const config::Listener& listener) { return listener.bind.text() == id; };
    if (socket.what.kind != Kind::listener) continue;
    if (!socket.what.lent && std::ranges::none_of(config.listeners, is_it)) continue;
    auto adopted = net::ListeningSocket::adopt(std::move(socket.descriptor));
    if (!adopted) return broken(id, adopted.error().message);
    auto& listener = inherited[id];
    if (!listener) listener = std::make_shared<ListenerSockets>();
    listener->address = adopted->address();
    listener->shared = true;
    listener->lent = socket.what.lent;
    listener->sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(adopted)));
  }
  for (const auto& [id, listener] : inherited) {
    // To more sockets the kernel would deal clients at once.
    if (listener->sockets.front()->shares_address()) continue;
    if (auto widened = widen(*listener, workers); !widened) return broken(id, widened.error().message);
  }
  return inherited;
}

void inherit_health(const std::vector<PassedHealth>& known, const config::Config& config,
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

Result<std::unique_ptr<DurableState>> open_state(config::Config config, Estate* estate, Log& log) {
  if (estate == nullptr) return DurableState::open(std::move(config), log);
  auto lock = estate->take(Kind::state_lock);
  return DurableState::inherit(std::move(config),
                               {.saved = std::move(estate->state.saved),
                                .places = estate->state.places,
                                .path = std::move(lock.what.name),
                                .lock = std::move(lock.descriptor)},
                               log);
}

}  // namespace sluice::lifecycle
