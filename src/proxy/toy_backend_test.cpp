// Exchanges over a protocol that carries several at a time on one connection: nothing but the codec is new.
#include <sluice/proxy/active_stream.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/test_tools.h"
#include "proxy/test_toy_backend.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using std::chrono::seconds;

/// One backend, which speaks the toy protocol.
struct ToyWorld {
  struct Request {
    explicit Request(const std::string& text) : client(text), to_client(client.sink.taken()) {}
    TestClient client;
    std::shared_ptr<Taken> to_client;
    bool is_over = false;
    ActiveStream stream;
  };

  explicit ToyWorld(config::Pool pool = {}) : worker({.pool = std::move(pool), .backends = 1}) {
    worker.dialer.connector.codec = [](std::unique_ptr<net::Transport> transport) {
      return std::make_unique<ToyBackendConnection>(std::move(transport));
    };
  }

  Request& ask(const std::string& text) {
    Request& request = *requests.emplace_back(std::make_unique<Request>(text));
    request.stream.start(worker.context, request.client, worker.generation, 0, [&request](Ending) {
      request.is_over = true;
      request.stream.clear();
    });
    return request;
  }
  Request& get(const std::string& path) { return ask("GET " + path + " HTTP/1.1\r\nHost: shop\r\n\r\n"); }
  /// The oldest dial succeeds.
  ToyBackend& accept() {
    ToyBackend& backend = *backends.emplace_back(std::make_unique<ToyBackend>());
    worker.dialer.connect(std::make_unique<ToyTransport>(backend));
    return backend;
  }

  std::vector<std::unique_ptr<ToyBackend>> backends;
  TestWorker worker;
  std::vector<std::unique_ptr<Request>> requests;
};

TEST_CASE("requests share a connection, and are answered in any order") {
  ToyWorld world;
  auto& first = world.get("/first");
  ToyBackend& backend = world.accept();
  CHECK(backend.heard() == "1 > GET /first\n");
  auto& second = world.get("/second");
  CHECK(world.worker.dialer.dialing() == "");
  CHECK(backend.heard() == "2 > GET /second\n");
  backend.say("2 < 201\n1 < 200\n2 + two\n1 + one\n2 .\n");
  CHECK(second.client.status == 201);
  CHECK(second.to_client->body == "two");
  CHECK(second.is_over);
  CHECK(first.client.status == 200);
  CHECK_FALSE(first.is_over);
  backend.say("1 .\n");
  CHECK(first.to_client->body == "one");
  CHECK(first.is_over);
  CHECK(world.worker.ended() == "ok=2 ");
}

TEST_CASE("a connection that no request uses serves the next one, until it was idle for too long") {
  ToyWorld world({.timeouts = {.idle = seconds(60)}});
  world.get("/first");
  ToyBackend& backend = world.accept();
  backend.say("1 < 204\n1 .\n");
  world.worker.pass(seconds(59));
  backend.heard();
  world.get("/second");
  CHECK(backend.heard() == "2 > GET /second\n");
  backend.say("2 < 204\n2 .\n");
  world.worker.pass(seconds(60));
  CHECK(backend.is_closed);
  world.get("/third");
  CHECK(world.worker.dialer.dialing() == " 9001");
}

TEST_CASE("a connection without room makes the next request open another one") {
  ToyWorld world;
  world.get("/1");
  ToyBackend& backend = world.accept();
  world.get("/2");
  world.get("/3");
  CHECK(world.worker.dialer.dialing() == "");
  world.get("/4");
  CHECK(world.worker.dialer.dialing() == " 9001");
  ToyBackend& other = world.accept();
  CHECK(other.heard() == "1 > GET /4\n");
  backend.say("2 < 204\n2 .\n");
  backend.heard();
  world.get("/5");
  CHECK(backend.heard() + other.heard() == "4 > GET /5\n");
}

TEST_CASE("a request's body goes on its stream") {
  ToyWorld world;
  auto& post = world.ask("POST /cart HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ToyBackend& backend = world.accept();
  CHECK(backend.heard() == "1 > POST /cart\n1 + hello\n");
  post.client.source.end();
  CHECK(backend.heard() == "1 .\n");
  backend.say("1 < 200\n1 .\n");
  CHECK(post.is_over);
}

TEST_CASE("a client that leaves ends its own exchange alone") {
  ToyWorld world;
  auto& leaves = world.get("/leaves");
  ToyBackend& backend = world.accept();
  auto& stays = world.get("/stays");
  backend.heard();
  leaves.client.handler->on_client_gone(wire::client_left());
  CHECK(leaves.is_over);
  CHECK(backend.heard() == "1 !\n");
  backend.say("1 < 200\n2 < 200\n2 + here\n2 .\n");
  CHECK(stays.to_client->body == "here");
  CHECK(stays.is_over);
}

TEST_CASE("requests on a connection that breaks are sent again on another one") {
  ToyWorld world;
  auto& first = world.get("/first");
  ToyBackend& broken = world.accept();
  auto& second = world.get("/second");
  broken.close();
  CHECK(broken.is_closed);
  CHECK(world.worker.dialer.dialing() == " 9001 9001");
  ToyBackend& next = world.accept();
  ToyBackend& beside = world.accept();
  CHECK(next.heard() == "1 > GET /first\n");
  CHECK(beside.heard() == "1 > GET /second\n");
  next.say("1 < 200\n1 .\n");
  beside.say("1 < 200\n1 .\n");
  CHECK(first.client.status == 200);
  CHECK(second.client.status == 200);
}

TEST_CASE("an idle connection that the backend closes is not used again") {
  ToyWorld world;
  world.get("/first");
  ToyBackend& backend = world.accept();
  backend.say("1 < 204\n1 .\n");
  backend.close();
  CHECK(backend.is_closed);
  world.get("/second");
  CHECK(world.worker.dialer.dialing() == " 9001");
}

}  // namespace
}  // namespace sluice::proxy
