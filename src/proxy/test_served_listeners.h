// What the tests of ServedListeners share: one worker's listeners over a network in memory. The connections
// of its clients speak no protocol: a test says what happens on them.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/net/listening_socket.h>

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/held_executor.h"
#include "net/memory_network.h"
#include "proxy/served_listeners.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

class MuteConnection;

/// What has become of one client's connection. Outlives it.
struct Visit {
  MuteConnection* connection = nullptr;  ///< as long as it is open
  bool is_served = false;
  std::optional<Duration> quiet{};  ///< it is to end when it has been quiet for so long
  bool waits_to_move = false;       ///< for the answer that is under way
  bool is_busy = false;             ///< an answer is under way
  bool is_lingering = false;        ///< the last answer is given
  bool may_leave = true;
  bool is_open() const { return connection != nullptr; }
};

/// Speaks no protocol. Ends when its client does.
class MuteConnection final : public wire::ServerConnection, private net::Reader {
 public:
  MuteConnection(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from, Visit& visit)
      : transport_(std::move(transport)), from_(std::move(from)), visit_(visit) {
    visit_.connection = this;
  }
  ~MuteConnection() override { visit_.connection = nullptr; }
  MuteConnection(const MuteConnection&) = delete;
  MuteConnection& operator=(const MuteConnection&) = delete;

  /// The answer that is under way has left.
  void answered() {
    visit_.is_busy = false;
    if (std::exchange(visit_.waits_to_move, false)) handler_->on_idle();
  }

  void start(wire::ServerHandler& handler) override {
    handler_ = &handler;
    visit_.is_served = true;
    transport_->start_reading(*this);
  }
  void refuse(wire::ServerHandler& handler, const Error&) override { handler.on_over(); }
  Result<wire::ServerStream*> start_tunnel(wire::ServerHandler&, std::string_view, std::string) override {
    return wire::cannot_be_left();
  }
  const wire::Client& client() const override { return from_.client; }
  uint64_t requests() const override { return from_.requests; }
  bool is_lingering() const override { return visit_.is_lingering; }
  void retire(Duration quiet) override { visit_.quiet = quiet; }
  void suspend_when_idle() override {
    visit_.waits_to_move = visit_.is_busy;
    if (!visit_.is_busy) handler_->on_idle();
  }
  void stay() override {
    visit_.waits_to_move = false;
    visit_.quiet.reset();
  }
  Result<wire::SuspendedConnection> suspend() override {
    if (!visit_.may_leave) return wire::cannot_be_left();
    return wire::SuspendedConnection{.at = from_, .connection = *transport_->duplicate()};
  }

 private:
  void on_bytes(std::string_view) override {}
  void on_end(Result<void>) override { handler_->on_over(); }

  std::unique_ptr<net::Transport> transport_;
  wire::BetweenRequests from_;
  Visit& visit_;
  wire::ServerHandler* handler_ = nullptr;
};

/// A listener as its worker gets it.
struct TestListener {
  std::string id;
  net::ListeningSocket socket =
      *net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone);
};

/// Three listeners, which are served; at the third a PROXY header comes first.
struct TestListeners {
  static constexpr Duration kIdleTimeout{60'000};
  static constexpr std::string_view kHeader = "PROXY TCP4 198.51.100.9 192.0.2.1 4000 443\r\n";

  TestListeners() {
    adopt(make_config());
    for (const TestListener* each : {&front, &side, &behind}) listeners.listen(each->id, each->socket);
  }

  config::Config make_config() const {
    config::Config config;
    config.listeners = {{.bind = *Address::parse(front.id)},
                        {.bind = *Address::parse(side.id)},
                        {.bind = *Address::parse(behind.id), .proxy_protocol = true}};
    return config;
  }
  void adopt(config::Config config) {
    generation.shared =
        std::make_shared<Generation>(1, "test", std::make_shared<const config::Config>(std::move(config)),
                                     std::map<std::string, Generation::States, std::less<>>(), 1);
    listeners.configure(generation.shared->config());
  }

  /// A client connects, and a turn goes by.
  net::MemoryTransport& connect_to(const TestListener& listener) {
    net::MemoryTransport& client = network.connect_to(listener.socket);
    executor.turn();
    return client;
  }
  /// ... and is served at once.
  Visit& visit(const TestListener& listener) {
    const size_t before = visits.size();
    connect_to(listener);
    REQUIRE(visits.size() == before + 1);
    return visits.back();
  }
  Visit& busy_visit(const TestListener& listener) {
    Visit& busy = visit(listener);
    busy.is_busy = true;
    return busy;
  }
  void visit(const TestListener& listener, size_t count) {
    for (; count > 0; --count) visit(listener);
  }
  /// Another owner's connection comes, as Service gives it.
  Visit& add(const std::string& listener, bool stays) {
    ++adopted;
    auto connection =
        make_connection(std::make_unique<net::MemoryTransport>(), wire::BetweenRequests(), wire);
    listeners.add(std::move(connection), listener, stays).go_on();
    return visits.back();
  }
  net::MemoryTransport& add_arrival(const std::string& listener, bool stays) {
    ++adopted;
    auto made = std::make_unique<net::MemoryTransport>();
    net::MemoryTransport& client = *made;
    listeners.add_arrival(std::move(made), {.awaits_preface = true}, listener, stays);
    return client;
  }

  /// Those that have not ended here.
  size_t inside() const { return accepted + adopted - over; }
  size_t open_visits() const {
    return static_cast<size_t>(
        std::ranges::count_if(visits, [](const Visit& each) { return each.is_open(); }));
  }

  HeldExecutor executor;
  net::MemoryNetwork network{executor};
  TestListener front{.id = "192.0.2.1:80"};
  TestListener side{.id = "192.0.2.1:81"};
  TestListener behind{.id = "192.0.2.1:443"};
  size_t accepted = 0;
  size_t adopted = 0;  // of other owners
  size_t over = 0;
  std::vector<MigratedConnection> moved;
  std::list<Visit> visits;  // in the order in which they were open
  wire::MakeServerConnection make_connection = [this](auto transport, auto from, auto&) {
    return std::make_unique<MuteConnection>(std::move(transport), std::move(from), visits.emplace_back());
  };
  observe::WorkerCounters counters;
  observe::AccessLog access;
  entrance::ClientCounts counts;
  FreeList<ActiveStream> active_streams;
  wire::ServerContext wire{.deadlines = executor.deadlines(),
                           .settings = {.head_timeout = Duration{10'000}, .idle_timeout = kIdleTimeout},
                           .readings = FreeList<wire::RequestReading>(),
                           .out = {}};
  ExchangeContext exchange{.deadlines = executor.deadlines(), .counters = counters, .access = access};
  LocalGeneration generation;
  ClientContext context{.wire = wire,
                        .exchange = exchange,
                        .active_streams = active_streams,
                        .generation = &generation,
                        .counts = counts,
                        .on_connection_over = [this] { ++over; },
                        .on_moved = [this](auto connection) { moved.push_back(std::move(connection)); }};
  ServedListeners listeners{network, context, make_connection, [this] { ++accepted; }};
};

}  // namespace sluice::proxy
