// The demo application's shutdown: nothing that is in flight is lost, and nothing holds it up.
#include <vector>

#include "demo/test_tools.h"

namespace sluice::demo::test {
namespace {

/// A client that has asked once and is now idle; its end tells that the application has stopped.
std::unique_ptr<Peer> idle_client(App& app) {
  auto peer = app.connect();
  peer->send(get("/hello"));
  REQUIRE(peer->receives("Hello World!\n"));
  return peer;
}

/// Shuts down, and runs until idle connections are closed.
void stop(App& app) {
  const auto witness = idle_client(app);
  app.shutdown();
  REQUIRE(witness->sees_the_end());
}

TEST_CASE("shutdown: /ping says 503 at once, the rest is served on, and each response is the last") {
  auto options = quick();
  options.linger = Duration{60'000};
  App app(std::move(options));
  const auto kept = idle_client(app);
  app.shutdown();
  CHECK(app.ask(get("/ping")).starts_with("HTTP/1.1 503 "));
  CHECK(app.ask(get("/ping")).ends_with("pong\n"));
  kept->send(get("/bytes/3") + get("/bytes/4"));
  CHECK(kept->sees_the_end());
  CHECK(kept->ended_in_order());
  CHECK(kept->count("Connection: close\r\n") == 1);
  CHECK(kept->received().ends_with("\r\n\r\nxxx"));
  CHECK(app.times_done == 0);
}

TEST_CASE("shutdown finishes a slow response, and tells its client that it is the last") {
  App app;
  const auto slow = app.connect();
  slow->send(get("/slow/200"));
  const auto stream = app.connect();
  stream->send(get("/stream/5/20"));
  app.settle();
  stop(app);
  CHECK(app.times_done == 0);
  CHECK(slow->sees_the_end());
  CHECK(slow->ended_in_order());
  CHECK(slow->received().find("Connection: close\r\n") != std::string::npos);
  CHECK(slow->received().ends_with("slow\n"));
  CHECK(stream->receives("0\r\n\r\n"));
  CHECK(stream->count("chunk\n") == 5);
  CHECK(app.ends());
}

TEST_CASE("shutdown waits for a response that its client has not read yet, to its last byte") {
  App app;
  const auto peer = app.connect();
  peer->send(get(kMuchPath));
  app.settle();
  stop(app);
  CHECK(app.times_done == 0);
  CHECK(peer->sees_the_end());
  CHECK(peer->ended_in_order());
  CHECK(peer->received().size() > kMuch);
  CHECK(app.ends());
}

TEST_CASE("shutdown answers a request whose bytes have come but are not read yet") {
  App app;
  const auto peer = idle_client(app);
  app.shutdown();
  // The linger time passes while the loop stands still, so that stopping is the next thing it does.
  const auto over = app.loop.clock().now() + Duration{5};
  while (app.loop.clock().now() < over) {
  }
  peer->send(get("/bytes/3"));
  CHECK(peer->sees_the_end());
  CHECK(peer->ended_in_order());
  CHECK(peer->received().ends_with("\r\n\r\nxxx"));
  CHECK(app.ends());
}

TEST_CASE("shutdown answers requests that are behind another, or have only begun to come") {
  App app;
  const auto pipelined = app.connect();
  pipelined->send(get("/stream/20/5") + get("/bytes/3"));
  const auto upload = app.connect();
  upload->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  const auto half_a_head = app.connect();
  half_a_head->send("GET /hello HT");
  app.settle();
  stop(app);
  CHECK(app.times_done == 0);
  upload->send("67890");
  CHECK(upload->receives("Connection: close\r\n"));
  CHECK(upload->receives("1234567890"));
  half_a_head->send("TP/1.1\r\nHost: h\r\n\r\n");
  CHECK(half_a_head->receives("Hello World!\n"));
  CHECK(pipelined->sees_the_end());
  CHECK(pipelined->received().ends_with("Connection: close\r\n\r\nxxx"));
  CHECK(app.ends());
}

TEST_CASE("shutdown lets a connection that was just made ask once") {
  App app;
  const auto fresh = app.connect();
  const auto silent = app.connect();
  stop(app);
  fresh->send(get("/hello"));
  CHECK(fresh->receives("Hello World!\n"));
  CHECK(fresh->count("Connection: close\r\n") == 1);
  CHECK(silent->sees_the_end());
  CHECK(app.ends());
}

TEST_CASE("a ping without answer holds up no shutdown, whatever is behind it") {
  auto options = quick();
  options.idle = Duration{0};
  App app(std::move(options));
  app.ask(get("/control/ping/hang"));
  const auto hanging = app.connect();
  hanging->send(get("/ping"));
  const auto pipelined = app.connect();
  pipelined->send(get("/ping") + get("/hello") + std::string(kMuch, 'x'));
  app.ask(get("/hello"));
  app.shutdown();
  CHECK(app.ends());
  CHECK(hanging->sees_the_end());
}

TEST_CASE("clients that go away during a shutdown do not hold it up") {
  auto options = quick();
  options.idle = Duration{0};
  App app(std::move(options));
  const auto upload = app.connect();
  upload->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  const auto download = app.connect();
  download->send(get(kMuchPath));
  const auto slow = app.connect();
  slow->send(get("/slow/60000"));
  app.settle();
  stop(app);
  CHECK(app.times_done == 0);
  upload->end();
  download->reset();
  slow->reset();
  CHECK(app.ends());
}

TEST_CASE("blank lines instead of a request do not hold up a shutdown") {
  auto options = quick();
  options.idle = Duration{0};
  App app(std::move(options));
  const auto blank = app.connect();
  stop(app);
  blank->send("\r\n\r\n");
  CHECK(app.ends());
}

TEST_CASE("once it has stopped, the next instance may have its port while it finishes") {
  App app;
  const auto slow = app.connect();
  slow->send(get("/slow/300"));
  app.settle();
  stop(app);
  auto options = quick();
  options.bind = app.app->address();
  const auto next = DemoApp::start(app.loop, std::move(options));
  CHECK(next);
  CHECK(app.ask(get("/hello")).ends_with("Hello World!\n"));
  CHECK(slow->receives("slow\n"));
}

TEST_CASE("a second shutdown changes nothing, and the end is reported once") {
  App app;
  app.shutdown();
  app.shutdown();
  CHECK(app.ends());
  app.loop.run_until([] { return false; }, Duration{20});
  CHECK(app.times_done == 1);
}

TEST_CASE("an application can be destroyed at any moment, with clients in every state") {
  App app;
  app.ask(get("/control/ping/hang"));
  std::vector<std::unique_ptr<Peer>> peers;
  for (const auto& request :
       {std::string("GET /"), get("/slow/60000"), get(kMuchPath), get("/ping"), get("/stream/1000/10"),
        get("/abort-midway"), get("/hello", "Connection: close\r\n")}) {
    peers.push_back(app.connect());
    peers.back()->send(request);
  }
  app.ask(get("/hello"));
  app.shutdown();
  app.app.reset();
  for (const auto& peer : peers) CHECK(peer->sees_the_end());
}

}  // namespace
}  // namespace sluice::demo::test
