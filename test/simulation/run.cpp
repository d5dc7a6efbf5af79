#include "run.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "proxy/server_settings.h"

namespace sluice::simulation {

namespace {

constexpr Duration kLatest{10'000};

entrance::ClientCounts& client_counts() {
  static entrance::ClientCounts counts;  // There is no limit that uses it.
  return counts;
}

}  // namespace

World::World(uint64_t seed)
    : random_(seed),
      connector_(simulated_connector(deadlines_, out_, diallings_)),
      context_{
          .deadlines = deadlines_, .counters = counters_, .access = access_, .ids = proxy::RequestIds(seed)},
      wire_{.deadlines = deadlines_,
            .settings = proxy::server_settings(config::Config()),
            .readings = FreeList<wire::RequestReading>(),
            .out = {}},
      client_context_{.wire = wire_,
                      .exchange = context_,
                      .active_streams = active_streams_,
                      .counts = client_counts(),
                      .tunnel_bound = Duration(1000),
                      .on_connection_over = [this] { ++over_; },
                      .on_moved = {}},
      drained_(kBackends, false),
      barrier_(kBackends, false),
      to_come_(1 + random_.below(5)),
      partial_post_(random_.chance(50)),
      non_idempotent_(random_.chance(10)) {
  pool_ = std::make_shared<upstream::Pool>("shop", deadlines_, 0, kWorkers, waiting_);
  for (size_t i = 0; i < kBackends; ++i) {
    states_.push_back(std::make_shared<upstream::BackendState>("shop", address_of(i)));
    states_.back()->set_health(upstream::HealthState::healthy);
    bounds_.push_back(random_.chance(30) ? static_cast<uint32_t>(1 + random_.below(2)) : 0);
    backends_.push_back(std::make_shared<upstream::Backend>(
        states_.back(), 0, connector_, [](const auto&) {},
        [this](const auto& state, unsigned) { with_room_.push_back(state); },
        [this, i](const auto&, const upstream::Evidence& seen) { evidence_.emplace_back(i, seen.kind); }));
  }
  publish();
}

World::~World() = default;

std::shared_ptr<config::Pool> World::choose_settings() {
  auto pool = std::make_shared<config::Pool>();
  pool->name = "shop";
  pool->retry.buffer_bytes = random_.chance(50) ? 1000 : 100;
  pool->retry.hold = random_.chance(50);
  pool->retry.partial_post = partial_post_;
  pool->retry.non_idempotent = non_idempotent_;
  pool->retry.idempotency_key = random_.chance(50);
  pool->retry.attempt_timeout = random_.chance(50) ? Duration(20) : Duration::zero();
  pool->retry.hedge = random_.chance(50) ? Duration(10) : Duration::zero();
  pool->ejection.enabled = random_.chance(50);
  pool->ejection.failures = static_cast<unsigned>(1 + random_.below(3));
  if (random_.chance(50)) pool->drain_header.name = "X-Bye";
  pool->queue.max = 1 + random_.below(4);
  if (!quiet_ && random_.chance(20)) {
    pool->pause = random_.chance(50) ? config::Pause::until_resumed : config::Pause::timed;
  }
  for (size_t i = 0; i < kBackends; ++i) {
    pool->backends.push_back({.address = states_[i]->address(),
                              .weight = static_cast<uint32_t>(1 + random_.below(2)),
                              .max_requests = bounds_[i],
                              .priority = static_cast<uint8_t>(random_.below(8) == 0 ? 1 : 0),
                              .drain = drained_[i]});
  }
  pool->balance.policy = static_cast<config::BalancePolicy>(random_.below(config::kBalancePolicies.size()));
  return pool;
}

/// The newest generation is what the dice have made of the pool; the one before drains.
void World::publish() {
  const auto pool = choose_settings();
  auto config = std::make_shared<config::Config>();
  config->pools["shop"] = pool;
  config->routes.push_back({.path = "/taken", .pool = "shop"});
  std::map<std::string, proxy::Generation::States, std::less<>> states;
  states["shop"] = states_;
  auto generation =
      std::make_shared<proxy::Generation>(++newest_, "simulated", config, std::move(states), kWorkers);
  proxy::LocalGeneration& local = generations_.emplace_back();
  local.shared = std::move(generation);
  local.targets_of_route = {{{.pool = pool_, .settings = pool}}};
  client_context_.generation = &local;
  pool_->update(pool, backends_);
  if (generations_.size() < 2) return;
  const auto old = std::prev(generations_.end(), 2);
  old->shared->gate(0).close([this, old] { generations_.erase(old); });
}

/// Its time is over before its exchanges are.
void World::end_oldest_generation() {
  if (generations_.size() < 2) return;
  const size_t before = generations_.size();
  proxy::end_drain(generations_.front(), generations_.back(), 0);
  CHECK(generations_.size() == before - 1);
}

// ---- clients

void World::start_client() {
  --to_come_;
  std::vector<Request*> requests;
  const size_t count = 1 + random_.below(3);
  for (size_t i = 0; i < count; ++i) {
    const bool is_last = i + 1 == count;
    const RequestKind kind{.asks_to_close = is_last && random_.chance(20), .is_elsewhere = random_.chance(8)};
    Request& request = requests_.emplace_back(make_request(random_, requests_.size(), kind));
    requests.push_back(&request);
    if (request.is_bad || request.upgrades) break;  // Nothing can come behind it.
  }
  Client& client = *clients_.emplace_back(std::make_unique<Client>(*this, std::move(requests)));
  auto transport = client.simulated.link().open();
  auto from = wire::accepted(*transport, {});
  client.connection = &proxy::ClientConnection::make(
      wire::make_server_connection(std::move(transport), std::move(from), wire_), client_context_,
      std::make_shared<std::string>("main"));
  client.connection->begin();
}

/// What becomes of connections when a listener goes, or the process stops.
void World::change_clients() {
  if (clients_.empty()) return;
  Client& client = *clients_[random_.below(clients_.size())];
  if (client.simulated.link().is_closed()) return;
  using Patience = proxy::ClientConnection::Patience;
  const size_t what = random_.below(10);
  if (what < 9) return client.connection->retire(what < 5 ? Patience::quiet : Patience::idle);
  client.simulated.cut_off();
  client.connection->end();
}

// ---- backends

Request& World::request(std::string_view target) {
  const auto digits = target.substr(target.rfind('/') + 1);
  size_t number = requests_.size();
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  CHECK(number < requests_.size());
  return requests_[number];
}

/// A drain is a barrier: once nothing is in flight to a drained backend, no request begins there, from any
/// generation. What Sluice has dropped may still be on its way.
void World::request_began(size_t backend, const Request& request, bool is_awaited) const {
  CHECK(!is_awaited || !barrier_[backend]);
  CHECK(!is_awaited || bounds_[backend] == 0 || states_[backend]->in_flight() <= bounds_[backend]);
  if (request.method != "POST") return;
  // What is not idempotent is never sent twice, and what counts as if it were never twice at a time.
  CHECK(request.begun == 1 || may_come_again(request));
  const auto has_it = [&](const auto& connection) { return connection->is_asked_for(request); };
  CHECK(std::ranges::count_if(connections_, has_it) <= 1);
}

void World::look_at_barriers() {
  for (size_t i = 0; i < kBackends; ++i) {
    barrier_[i] = drained_[i] && (barrier_[i] || states_[i]->in_flight() == 0);
  }
}

/// Those who gave back a lease to a bounded backend have said so.
void World::give_room() {
  for (const auto& state : std::exchange(with_room_, {})) pool_->slot_freed(*state);
}

/// What control would make of it.
void World::judge() {
  for (const auto& [index, kind] : std::exchange(evidence_, {})) {
    using upstream::HealthState;
    const bool drains = kind == upstream::Evidence::Kind::drains;
    const auto is_other = [&, &judged = states_[index]](const auto& state) {
      return state != judged && state->health() == HealthState::healthy;
    };
    if (drains) states_[index]->set_health(HealthState::draining);
    if (!drains && std::ranges::any_of(states_, is_other)) states_[index]->set_health(HealthState::ejected);
    backends_[index]->checked();
    pool_->wake();
  }
}

void World::step_dialling() {
  if (diallings_.empty()) return;
  const size_t index = random_.below(diallings_.size());
  const std::unique_ptr<Dialling> dialling = std::move(diallings_[index]);
  diallings_.erase(diallings_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!dialling->pending.is_waited_for()) return;  // Given up.
  if (!quiet_ && random_.chance(20)) {
    return dialling->pending.fire(
        Error{.code = ErrorCode::refused, .message = "", .origin = Origin::upstream});
  }
  auto& made = *connections_.emplace_back(std::make_unique<SimulatedBackend>(*this, dialling->backend));
  dialling->pending.fire(made.link().open());
}

void World::step_backend() {
  if (connections_.empty()) return;
  const size_t index = random_.below(connections_.size());
  connections_[index]->step();
  if (!connections_[index]->is_over()) return;
  std::swap(connections_[index], connections_.back());
  connections_.pop_back();
}

void World::change_health() {
  const size_t index = random_.below(kBackends);
  using upstream::HealthState;
  constexpr std::array kStates = {HealthState::healthy, HealthState::healthy, HealthState::down,
                                  HealthState::draining, HealthState::ejected};
  states_[index]->set_health(kStates[random_.below(kStates.size())]);
  backends_[index]->checked();
  pool_->wake();
}

/// Requests wait there, or no longer: the queue's bound is the pool's.
void World::change_other_workers() {
  const size_t now = quiet_ ? 0 : random_.below(4);
  for (; waiting_elsewhere_ < now; ++waiting_elsewhere_) waiting_->add();
  for (; waiting_elsewhere_ > now; --waiting_elsewhere_) waiting_->remove();
}

void World::change_generations() {
  if (random_.chance(20)) return end_oldest_generation();
  const size_t index = random_.below(kBackends);
  if (random_.chance(50)) drained_[index] = !drained_[index];
  publish();
}

// ---- the run

void World::step() {
  const size_t what = random_.below(100);
  if (what < 6 && to_come_ > 0) return start_client();
  if (what < 42 && !clients_.empty()) return clients_[random_.below(clients_.size())]->simulated.step();
  if (what < 54) return step_dialling();
  if (what < 90) return step_backend();
  if (what < 93) return random_.chance(20) ? change_other_workers() : change_health();
  if (what < 95) return change_generations();
  if (what < 96) return change_clients();
  clock_.advance(Duration(1 + static_cast<int64_t>(random_.below(random_.chance(5) ? 70'000 : 500))));
  deadlines_.expire();
}

bool World::is_settled() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->simulated.is_over(); });
}

/// What is left comes to its end: backends are there, and time passes, but less than any of them may wait for
/// an answer. A request that has to be ended by a timeout has been forgotten.
void World::settle() {
  for (size_t i = 0; i < kBackends; ++i) {
    drained_[i] = barrier_[i] = false;
    states_[i]->set_health(upstream::HealthState::healthy);
    backends_[i]->checked();
  }
  publish();
  change_other_workers();
  const TimePoint latest = clock_.now() + kLatest;
  while (!is_settled()) {
    CHECK(clock_.now() < latest);
    for (const auto& client : clients_) client->simulated.step();
    step_dialling();
    for (size_t connection = 0; connection < connections_.size(); ++connection) step_backend();
    give_room();
    evidence_.clear();  // Whatever they do, they are there.
    for (const auto& backend : backends_) backend->checked();
    pool_->wake();
    clock_.advance(Duration{20});
    deadlines_.expire();
  }
}

/// Connections to backends that rest are closed in time, and their backends see it.
void World::close_all() {
  for (const auto& dialling : std::exchange(diallings_, {})) CHECK(!dialling->pending.is_waited_for());
  for (int i = 0; i < 5 && deadlines_.next(); ++i) {
    clock_.advance(Duration{100'000});
    deadlines_.expire();
  }
  for (int i = 0; i < 1000 && !connections_.empty(); ++i) step_backend();
}

void World::check() const {
  uint64_t ended = 0;
  for (const auto& count : counters_.ended) ended += count.get();
  CHECK(ended == counters_.accepted.get());  // Exactly one disposition each.
  size_t by_backends = 0;
  size_t in_doubt = 0;
  for (const auto& client : clients_) {
    by_backends += client->simulated.answered_by_backends();
    in_doubt += client->simulated.in_doubt();
  }
  using observe::Disposition;
  const uint64_t ok = counters_.ended[static_cast<size_t>(Disposition::ok)].get();
  CHECK(ok <= by_backends + in_doubt);  // What counts as whole has come whole.
  CHECK(over_ == clients_.size());
  CHECK(connections_.empty());
  for (const auto& state : states_) {
    CHECK(state->in_flight() == 0);  // Every pass is given back.
    CHECK(state->concurrency().inside() == 0);
  }
  CHECK(pool_->queued() == 0);
  CHECK(waiting_->get() == 0);
  CHECK(generations_.size() == 1);  // The older ones are gone.
  CHECK(generations_.front().shared->in_flight() == 0);
  CHECK(!deadlines_.next());  // Nothing waits for a time to come.
}

void World::play() {
  const size_t steps = 20 + random_.below(500);
  for (size_t i = 0; i < steps; ++i) {
    step();
    give_room();
    judge();
    look_at_barriers();
  }
  while (to_come_ > 0) start_client();
  quiet_ = true;
  settle();
  close_all();
  check();
}

}  // namespace sluice::simulation
