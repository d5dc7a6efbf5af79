#include "script.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <map>
#include <utility>

#include "proxy/server_settings.h"

namespace sluice::simulation {
namespace {

Error refused() {
  return {.code = ErrorCode::refused, .message = "", .origin = Origin::upstream, .status = 502};
}

}  // namespace

// ---- the two ends

ScriptedClient::ScriptedClient(Random& random, const Clock& clock)
    : link(random, clock, *Address::parse("192.0.2.1:5000"), 0) {}

void ScriptedClient::leave_unheard() {
  link.send(std::string(size_t{20} * 1024, 'x'));
  while (!link.is_still()) link.step();
  link.reset();
}

void ScriptedClient::receive() {
  for (std::string bytes = link.take(); !bytes.empty(); bytes = link.take()) {
    reader_.read(bytes);
    if (reader_.has_head()) status = reader_.status();
  }
}

/// To a backend, for one request.
struct Script::Connection {
  Connection(Script& script, size_t the_backend)
      : backend(the_backend), link(script.random_, script.clock_, address_of(the_backend), 0) {}

  bool is_asked() const { return reader.is_whole() && !has_answered && !link.is_closed(); }
  void receive() {
    for (std::string bytes = link.take(); !bytes.empty(); bytes = link.take()) reader.read(bytes);
  }

  size_t backend;
  Link link;
  MessageReader reader{MessageReader::Of::request};
  bool has_answered = false;
};

Script::Script(size_t backends, config::Pool settings)
    : connector_(simulated_connector(deadlines_, out_, diallings_)),
      context_{.deadlines = deadlines_, .counters = counters_, .access = access_},
      wire_{.deadlines = deadlines_,
            .settings = proxy::server_settings(config::Config()),
            .readings = FreeList<wire::RequestReading>(),
            .out = {}},
      client_context_{.wire = wire_,
                      .exchange = context_,
                      .active_streams = active_streams_,
                      .generation = &generation_,
                      .counts = counts_,
                      .on_connection_over = [this] { connection_ = nullptr; },
                      .on_moved = {}} {
  auto pool = std::make_shared<config::Pool>(std::move(settings));
  pool->name = "shop";
  pool->backends.clear();
  for (size_t i = 0; i < backends; ++i) {
    pool->backends.push_back({.address = address_of(i)});
    states_.push_back(std::make_shared<upstream::BackendState>("shop", address_of(i)));
    states_.back()->set_health(upstream::HealthState::healthy);
    backends_.push_back(
        std::make_shared<upstream::Backend>(states_.back(), 0, connector_, [](const auto&) {}));
  }
  pool_ = std::make_shared<upstream::Pool>("shop", deadlines_, 0, 1);
  pool_->update(pool, backends_);
  auto config = std::make_shared<config::Config>();
  config->pools["shop"] = pool;
  config->routes.push_back({.path = "/", .pool = "shop"});
  std::map<std::string, proxy::Generation::States, std::less<>> states;
  states["shop"] = states_;
  generation_.shared = std::make_shared<proxy::Generation>(1, "scripted", config, std::move(states), 1);
  generation_.targets_of_route = {{{.pool = pool_, .settings = pool}}};
}

Script::~Script() {
  if (connection_ != nullptr) connection_->close();
}

/// All that is on its way arrives.
void Script::settle() {
  const auto all = [&](auto&& visit) {
    if (client_) visit(*client_);
    for (const auto& connection : connections_) visit(*connection);
  };
  for (bool is_still = false; !is_still;) {
    is_still = true;
    all([&](auto& end) {
      is_still = is_still && end.link.is_still();
      end.link.step();
      end.receive();
    });
  }
}

ScriptedClient& Script::ask(const std::string& request) {
  client_ = std::make_unique<ScriptedClient>(random_, clock_);
  auto transport = client_->link.open();
  auto from = wire::accepted(*transport, {});
  connection_ = &proxy::ClientConnection::make(
      wire::make_server_connection(std::move(transport), std::move(from), wire_), client_context_,
      std::make_shared<std::string>("main"));
  connection_->begin();
  client_->link.send(request);
  settle();
  return *client_;
}

void Script::pass(Duration time) {
  clock_.advance(time);
  deadlines_.expire();
  settle();
}

void Script::probed(size_t backend, upstream::HealthState health) {
  states_[backend]->set_health(health);
  backends_[backend]->checked();
  pool_->wake();
  settle();
}

std::string Script::dialling() const {
  std::string all;
  for (const auto& dialling : diallings_) {
    if (dialling->pending.is_waited_for()) all += std::to_string(dialling->backend);
  }
  return all;
}

std::string Script::asked() const {
  std::string all;
  for (const auto& connection : connections_) {
    if (connection->is_asked()) all += std::to_string(connection->backend);
  }
  return all;
}

void Script::dialled(size_t backend, Result<std::unique_ptr<net::Transport>> transport) {
  const auto found = std::ranges::find_if(diallings_, [&](const auto& dialling) {
    return dialling->backend == backend && dialling->pending.is_waited_for();
  });
  CHECK(found != diallings_.end());
  const std::unique_ptr<Dialling> dialling = std::move(*found);
  diallings_.erase(found);
  dialling->pending.fire(std::move(transport));
  settle();
}

void Script::accept(size_t backend) {
  Connection& made = *connections_.emplace_back(std::make_unique<Connection>(*this, backend));
  dialled(backend, made.link.open());
}

void Script::refuse(size_t backend) {
  dialled(backend, refused());
}

Script::Connection& Script::connection_of(size_t backend) {
  const auto found = std::ranges::find_if(connections_, [&](const auto& connection) {
    return connection->backend == backend && connection->is_asked();
  });
  CHECK(found != connections_.end());
  return **found;
}

void Script::answer(size_t backend) {
  Connection& connection = connection_of(backend);
  connection.has_answered = true;
  connection.link.send("HTTP/1.1 204 No Content\r\n\r\n");
  settle();
}

void Script::break_off(size_t backend) {
  Connection& connection = connection_of(backend);
  connection.has_answered = true;
  connection.link.reset();
  settle();
}

uint64_t Script::retried() const {
  observe::TallySums sums;
  counters_.tallies.add_to(sums);
  uint64_t sum = 0;
  for (const auto& [key, count] : sums) {
    if (key.event == observe::Event::retried) sum += count;
  }
  return sum;
}

}  // namespace sluice::simulation
