#include "run.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::simulation {

/// Opens connections when the world's dice say so.
class World::Dialer final : public upstream::Dialer {
 public:
  explicit Dialer(World& world) : world_(world) {}
  Wait dial(const Address& address, OnDialed on_dialed) override {
    world_.diallings_.push_back(std::make_unique<Dialling>());
    Dialling& dialling = *world_.diallings_.back();
    dialling.backend = address.port() - 9000U;
    return dialling.pending.wait(std::move(on_dialed));
  }

 private:
  World& world_;
};

World::World(uint64_t seed)
    : random_(seed),
      dialer_(std::make_unique<Dialer>(*this)),
      context_{.deadlines = deadlines_, .dialer = *dialer_, .counters = counters_, .access = access_},
      drained_(kBackends, false),
      barrier_(kBackends, false),
      to_come_(1 + random_.below(6)),
      partial_post_(random_.chance(50)),
      non_idempotent_(random_.chance(10)) {
  pool_ = std::make_shared<upstream::Pool>("shop", deadlines_, 0, kWorkers, waiting_);
  for (size_t i = 0; i < kBackends; ++i) {
    const Address address = Address::parse("192.0.2.9:9000")->with_port(static_cast<uint16_t>(9000 + i));
    states_.push_back(std::make_shared<upstream::BackendState>("shop", address));
    states_.back()->set_health(upstream::HealthState::healthy);
    bounds_.push_back(random_.chance(30) ? static_cast<uint32_t>(1 + random_.below(2)) : 0);
    backends_.push_back(std::make_shared<upstream::Backend>(
        states_.back(), 0, [](const auto&) {},
        [this](const auto& state, unsigned) { with_room_.push_back(state); },
        [this, i](const auto&, const upstream::Evidence& seen) { evidence_.emplace_back(i, seen.kind); }));
  }
  publish();
}

World::~World() = default;

const std::string& World::request_body() {
  static const std::string body(300, 'q');
  return body;
}

const std::string& World::response_body() {
  static const std::string body(500, 'r');
  return body;
}

void World::remove(SimulatedConnection& connection) {
  std::erase(connections_, &connection);
}

/// The newest generation is what the dice have made of the pool; the one before drains.
void World::publish() {
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

void World::start_client() {
  --to_come_;
  const bool has_body = random_.chance(40);
  const char* const with_body[] = {"POST", "PUT"};
  const char* const without[] = {"GET", "GET", "GET", "HEAD", "POST"};
  const std::string method = has_body ? with_body[random_.below(2)] : without[random_.below(5)];
  const std::string path = (random_.chance(10) ? "/elsewhere/" : "/taken/") + std::to_string(to_come_);
  const std::string framing = !has_body ? (method == "POST" ? "Content-Length: 0\r\n" : "")
                              : random_.chance(50)
                                  ? "Transfer-Encoding: chunked\r\n"
                                  : "Content-Length: " + std::to_string(request_body().size()) + "\r\n";
  const std::string wish = has_body && random_.chance(20) ? "Expect: 100-continue\r\n"
                           : method == "GET" && random_.chance(20)
                               ? "Connection: upgrade\r\nUpgrade: websocket\r\n"
                               : "";
  const std::string key = method == "POST" && random_.chance(50) ? "Idempotency-Key: one\r\n" : "";
  auto client = std::make_unique<SimulatedClient>(
      *this, method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + framing + wish + key + "\r\n",
      has_body ? request_body() : "");
  SimulatedClient& the_client = *client;
  clients_.push_back(std::move(client));
  counters_.accepted.add();
  the_client.exchange_ = exchanges_.take();
  the_client.exchange_->start(context_, the_client, generations_.back(), 0,
                              [&the_client](proxy::Ending ending) {
                                the_client.exchange_.reset();
                                if (ending == proxy::Ending::abort) return the_client.abort();
                                the_client.finish();
                              });
}

/// A drain is a barrier: once nothing is in flight to a drained backend, no request begins there, from any
/// generation.
void World::request_began(size_t backend, const http::RequestHead& head) {
  CHECK(!barrier_[backend]);
  CHECK(bounds_[backend] == 0 || states_[backend]->in_flight() <= bounds_[backend]);
  const std::string target(head.target());
  const unsigned begins = ++begins_[target];
  if (head.method() != "POST") return;
  // What is not idempotent is never sent twice, and what counts as if it were never twice at a time.
  const bool may_come_again =
      non_idempotent_ || std::ranges::any_of(head.fields(), [&](const http::Field& field) {
        return head.name(field) == "Idempotency-Key";
      });
  CHECK(begins == 1 || may_come_again);
  const auto has_it = [&](const auto* connection) { return connection->is_asked_for(target); };
  CHECK(std::ranges::count_if(connections_, has_it) == 1);
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
    const auto is_other = [&](const auto& state) {
      return state != states_[index] && state->health() == HealthState::healthy;
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
  dialling->pending.fire(
      std::unique_ptr<wire::ClientStream>(std::make_unique<SimulatedConnection>(*this, dialling->backend)));
}

void World::step_connection() {
  if (connections_.empty()) return;
  connections_[random_.below(connections_.size())]->step();
}

void World::change_health() {
  const size_t index = random_.below(kBackends);
  using upstream::HealthState;
  constexpr HealthState kStates[] = {HealthState::healthy, HealthState::healthy, HealthState::down,
                                     HealthState::draining, HealthState::ejected};
  states_[index]->set_health(kStates[random_.below(std::size(kStates))]);
  backends_[index]->checked();
  pool_->wake();
}

/// Requests wait there, or no longer: the queue's bound is the pool's.
void World::change_other_workers() {
  const size_t now = quiet_ ? 0 : random_.below(4);
  for (; waiting_elsewhere_ < now; ++waiting_elsewhere_) waiting_->add();
  for (; waiting_elsewhere_ > now; --waiting_elsewhere_) waiting_->remove();
}

void World::step() {
  const size_t what = random_.below(100);
  if (what < 8 && to_come_ > 0) return start_client();
  if (what < 40 && !clients_.empty()) return clients_[random_.below(clients_.size())]->step();
  if (what < 60) return step_dialling();
  if (what < 85) return step_connection();
  if (what < 90) return random_.chance(20) ? change_other_workers() : change_health();
  if (what < 95) {
    if (random_.chance(20)) return end_oldest_generation();
    const size_t index = random_.below(kBackends);
    if (random_.chance(50)) drained_[index] = !drained_[index];
    return publish();
  }
  clock_.advance(Duration(1 + static_cast<int64_t>(random_.below(random_.chance(5) ? 70'000 : 500))));
  deadlines_.expire();
}

/// What is left comes to its end: backends are there, and time passes.
void World::settle() {
  for (size_t i = 0; i < kBackends; ++i) {
    drained_[i] = barrier_[i] = false;
    states_[i]->set_health(upstream::HealthState::healthy);
    backends_[i]->checked();
  }
  publish();
  change_other_workers();
  for (int i = 0; i < 5000; ++i) {
    const bool all_over = std::ranges::all_of(clients_, [](const auto& client) { return client->is_over(); });
    if (all_over) return;
    for (size_t client = 0; client < clients_.size(); ++client) clients_[client]->step();
    step_dialling();
    step_connection();
    give_room();
    evidence_.clear();  // Whatever they do, they are there.
    for (const auto& backend : backends_) backend->checked();
    pool_->wake();
    clock_.advance(Duration{20});
    deadlines_.expire();
  }
}

void World::check() const {
  uint64_t ended = 0;
  for (const auto& count : counters_.ended) ended += count.get();
  CHECK(counters_.accepted.get() == clients_.size());
  CHECK(ended == clients_.size());  // Exactly one disposition each.
  uint64_t ok = 0;
  for (const auto& client : clients_) {
    CHECK(client->is_over());
    CHECK(client->answers == (client->aborted ? 0 : 1));  // Answered exactly once, or seen to break.
    const bool whole = client->answers == 1 && client->from_backend;
    if (!whole) continue;
    ++ok;
    if (client->is_tunnel) {
      CHECK(response_body().starts_with(client->received));
      continue;
    }
    // A response that counts as whole is whole.
    CHECK(client->status == 200);
    CHECK(client->received == (client->request().is_head() ? "" : response_body()));
  }
  CHECK(counters_.ended[static_cast<size_t>(observe::Disposition::ok)].get() == ok);
  for (const auto& state : states_) CHECK(state->in_flight() == 0);  // Every pass is given back.
  CHECK(pool_->queued() == 0);
  CHECK(waiting_->get() == 0);
  CHECK(generations_.size() == 1);  // The older ones are gone.
  CHECK(generations_.front().shared->in_flight() == 0);
}

void World::play() {
  const size_t steps = 20 + random_.below(300);
  for (size_t i = 0; i < steps; ++i) {
    step();
    give_room();
    judge();
    look_at_barriers();
  }
  while (to_come_ > 0) start_client();
  quiet_ = true;
  settle();
  check();
}

}  // namespace sluice::simulation
