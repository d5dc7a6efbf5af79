// A protocol with several requests open at once plugs in at the entrance, and no line of this folder knows of
// it. From the client's bytes to those of the backends' HTTP/1, over in-memory transports.
#include "proxy/toy_codec.h"

#include <sluice/entrance/entrance.h>
#include <sluice/wire/http1_client.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/client_connection.h"
#include "proxy/server_settings.h"
#include "proxy/test_tools.h"
#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

/// One client of the toy protocol at an entrance, as Service has it.
struct Toy final : private entrance::EntranceOwner {
  explicit Toy(const entrance::ListenerOptions& options = {}) {
    worker.dialer.connector.codec = [this](std::unique_ptr<net::Transport> to_backend) {
      return std::make_unique<wire::Http1ClientConnection>(std::move(to_backend), worker.deadlines, out);
    };
    entrance.configure(options);
    auto made = std::make_unique<wire::MemoryTransport>();
    transport = made.get();
    entrance.admit(std::move(made));
  }
  ~Toy() {
    if (connection != nullptr) connection->close();
  }

  void says(std::string_view lines) {
    transport->arrive(lines);
    while (!worker.dialer.dialing().empty()) {
      auto made = std::make_unique<wire::MemoryTransport>();
      backends.push_back(made.get());
      worker.dialer.connect(std::move(made));
    }
  }
  /// A connection to a backend, as long as it is kept: that which was asked for this.
  wire::MemoryTransport& asked_for(std::string_view target) {
    const auto found = std::ranges::find_if(backends, [&](const auto* each) {
      return each->written.find(concat({" ", target, " HTTP/1.1\r\n"})) != std::string::npos;
    });
    REQUIRE(found != backends.end());
    return **found;
  }
  void answers(std::string_view target, std::string_view text) {
    asked_for(target).arrive(
        concat({"HTTP/1.1 200 OK\r\nContent-Length: ", std::to_string(text.size()), "\r\n\r\n", text}));
  }
  /// What the client has got since the last time.
  std::string heard() { return std::exchange(transport->written, {}); }
  size_t in_flight() const {
    size_t sum = 0;
    for (const auto& state : worker.states) sum += state->in_flight();
    return sum;
  }

  TestWorker worker{{.backends = 3}};
  std::string out;
  std::vector<wire::MemoryTransport*> backends;
  FreeList<ActiveStream> active_streams;
  wire::ServerContext wire{.deadlines = worker.deadlines,
                           .settings = server_settings(config::Config()),
                           .readings = FreeList<wire::RequestReading>(),
                           .out = {}};
  entrance::ClientCounts counts;
  std::optional<MigratedConnection> moved;
  ClientContext context{.wire = wire,
                        .exchange = worker.context,
                        .active_streams = active_streams,
                        .generation = &worker.generation,
                        .counts = counts,
                        .on_connection_over = [this] { connection = nullptr; },
                        .on_moved = [this](MigratedConnection left) { moved = std::move(left); }};
  wire::MemoryTransport* transport = nullptr;
  ClientConnection* connection = nullptr;  // until it is over
  size_t accepted = 0;
  size_t lost = 0;
  wire::MakeServerConnection speak_toy = [](auto made, auto from, auto& shared) {
    return std::make_unique<ToyConnection>(std::move(made), std::move(from), shared);
  };
  entrance::Entrance entrance{wire, speak_toy, *this};

 private:
  void on_accepted() override { ++accepted; }
  void on_open(std::unique_ptr<wire::ServerConnection> opened) override {
    connection = &ClientConnection::make(std::move(opened), context, std::make_shared<std::string>("toy"));
    connection->begin();
  }
  void on_lost() override { ++lost; }
};

TEST_CASE("another protocol: requests that are open at once are answered as their backends answer") {
  Toy toy;
  toy.says("a GET /1\nb GET /2\nc POST /3 hello\n");
  CHECK(toy.in_flight() == 3);
  CHECK(toy.asked_for("/3").written.ends_with("\r\n\r\nhello"));
  toy.answers("/3", "three");
  CHECK(toy.heard() == "c head 200\nc body three\nc end\n");
  toy.answers("/1", "one");
  CHECK(toy.heard() == "a head 200\na body one\na end\n");
  CHECK(toy.in_flight() == 1);
  toy.says("d GET /4\n");
  toy.answers("/2", "two");
  CHECK(toy.heard() == "b head 200\nb body two\nb end\n");
  CHECK(toy.backends.size() == 3);  // Connections that have answered are used again.
  toy.answers("/4", "four");
  CHECK(toy.heard() == "d head 200\nd body four\nd end\n");
  CHECK(toy.worker.ended() == "ok=4 ");
}

TEST_CASE("another protocol: what is no request is answered, and the others go on") {
  Toy toy;
  toy.says("a GET /1\nnonsense\n");
  CHECK(toy.heard() == "nonsense head 400\nnonsense body no request\nnonsense end\n");
  toy.answers("/1", "one");
  CHECK(toy.heard() == "a head 200\na body one\na end\n");
}

TEST_CASE("another protocol: a client that leaves ends all of its requests") {
  Toy toy;
  toy.says("a GET /1\nb GET /2\n");
  toy.transport->end();
  CHECK(toy.connection == nullptr);
  CHECK(toy.worker.ended() == "client_abort=2 ");
  CHECK(toy.in_flight() == 0);
}

TEST_CASE("another protocol: a process that stops answers what has no answer, and cuts what has begun") {
  Toy toy;
  toy.says("a GET /1\nb GET /2\nc GET /3\n");
  toy.asked_for("/2").arrive("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun");
  CHECK(toy.heard() == "b head 200\nb body begun\n");
  auto& transport = *toy.transport;
  std::string said;
  toy.context.on_connection_over = [&] {
    said = std::exchange(transport.written, {});
    toy.connection = nullptr;
  };
  toy.connection->end();
  CHECK(toy.connection == nullptr);
  CHECK(said.find("a head 503\n") == 0);
  CHECK(said.find("b reset\n") != std::string::npos);
  CHECK(said.find("c head 503\n") != std::string::npos);
  CHECK(toy.worker.ended() == "stopped=3 ");
}

TEST_CASE("another protocol: a connection that is to end, or to move, waits for all of its requests") {
  for (const bool moves : {false, true}) {
    Toy toy;
    const std::string listener = "127.0.0.1:80";
    toy.says("a GET /1\nb GET /2\nc GE");
    toy.connection->mark_for_migration(listener);
    moves ? toy.connection->migrate() : toy.connection->retire();
    toy.answers("/2", "two");
    CHECK(toy.connection != nullptr);
    toy.answers("/1", "one");
    CHECK(toy.connection == nullptr);
    CHECK(toy.moved.has_value() == moves);
    if (moves) CHECK(toy.moved->record.at.bytes == "c GE");
    if (moves) CHECK(toy.moved->record.at.requests == 2);
  }
}

TEST_CASE("another protocol: the PROXY header before it is none of its concern") {
  Toy toy({.local = {}, .proxy_protocol = true});
  CHECK(toy.connection == nullptr);
  toy.says("PROXY TCP4 198.51.100.9 192.0.2.1 4000 443\r\na GET /1\n");
  REQUIRE(toy.connection != nullptr);
  CHECK(toy.asked_for("/1").written.find("198.51.100.9") != std::string::npos);
  toy.answers("/1", "one");
  CHECK(toy.heard() == "a head 200\na body one\na end\n");
  CHECK(toy.accepted == 1);
  CHECK(toy.lost == 0);
}

}  // namespace
}  // namespace sluice::proxy
