// One request from its head to its outcome, first as an exchange and then as a tunnel, and what its
// generation and its client connection ask of it. How exchanges retry and wait is shown by test/simulation.
#include <sluice/proxy/active_stream.h>

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using std::chrono::seconds;

const std::string kPlain = "GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const std::string kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// One client and its request. Backend 0 is asked first.
struct Streaming {
  explicit Streaming(const std::string& head = kPlain, TestSettings settings = {})
      : worker(std::move(settings)), client(head), to_client(client.sink.taken()) {}

  ActiveStream::OnOver on_over() {
    return [this](Ending how) {
      over += how == Ending::finish ? "finish" : "abort";
      stream.clear();
    };
  }
  void start() { stream.start(worker.context, client, worker.generation, 0, on_over()); }
  void accept() {
    backend = worker.dialer.accept();
    to_backend = backend->sink.taken();
  }
  void upgrade() {
    start();
    accept();
    backend->answer(kSwitching);
    backend->sink.turn();
  }
  /// As another process has left it.
  Result<void> resume(const TunnelState& state) {
    net::Descriptor descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
    auto how = stream.resume(worker.context, client, worker.generation, 0, worker.pool, state,
                             std::move(descriptor), on_over());
    if (!how) return how;
    backend = worker.dialer.adopted();
    to_backend = backend->sink.taken();
    backend->sink.turn();
    client.sink.turn();
    return how;
  }
  TimePoint in(Duration time) const { return worker.clock.now() + time; }

  TestWorker worker;
  TestClient client;
  std::shared_ptr<Taken> to_client;
  TestBackend* backend = nullptr;
  std::shared_ptr<Taken> to_backend;
  std::string over;  // how it was; empty as long as it is not
  ActiveStream stream;
};

// ---- an exchange

TEST_CASE("a request goes to a backend, and its response to the client") {
  Streaming run;
  run.start();
  CHECK(run.worker.dialer.dialing() == " 9001");
  run.accept();
  CHECK(run.to_backend->head.starts_with("GET /cart HTTP/1.1\r\nHost: shop.example\r\n"));
  run.backend->answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  run.backend->source.say("hello");
  CHECK(run.to_client->body == "hello");
  CHECK(run.over == "");
  run.backend->source.end();
  CHECK(run.over == "finish");
  CHECK(run.client.status == 200);
  CHECK(run.to_client->has_ended);
  CHECK(run.worker.ended() == "ok=1 ");
}

TEST_CASE("a request's body goes to the backend") {
  Streaming run("POST /cart HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
  run.start();
  run.accept();
  CHECK(run.to_backend->body == "hello");
  CHECK(run.stream.info().phase == "upload");
  run.client.source.say("world");
  run.client.source.end();
  CHECK(run.to_backend->body == "helloworld");
  CHECK(run.to_backend->has_ended);
  CHECK(run.stream.info().phase == "waiting");
}

TEST_CASE("a backend that refuses is passed over, and one that breaks the response off breaks it") {
  Streaming run;
  run.start();
  run.worker.dialer.fail({.code = ErrorCode::refused, .message = "refused", .origin = Origin::upstream});
  CHECK(run.worker.dialer.dialing() == " 9002");
  run.accept();
  run.backend->answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  run.backend->source.say("he");
  run.backend->source.end(Error{.code = ErrorCode::reset, .message = "broke", .origin = Origin::upstream});
  CHECK(run.over == "abort");
  CHECK(run.worker.ended() == "backend_error=1 ");
  CHECK(run.worker.tallies() ==
        "failed shop - backend_incomplete=1 retried shop v1 connect_refused=1 "
        "cut shop v2 backend_incomplete=1 ");
}

TEST_CASE("what a request does is said of it") {
  Streaming run;
  for (const auto& state : run.worker.states) state->set_health(upstream::HealthState::down);
  run.start();
  CHECK(run.stream.info().phase == "queued");
  CHECK(run.stream.info().backend == "");
  CHECK_FALSE(run.stream.is_at(*run.worker.states[0]));
  run.worker.pass(seconds(2));
  run.worker.probed(0, upstream::HealthState::healthy);
  run.worker.pool->wake();
  const InFlightInfo connecting = run.stream.info();
  CHECK(connecting.phase == "connecting");
  CHECK(connecting.client == "192.0.2.1");
  CHECK(connecting.request == "GET /cart");
  CHECK(connecting.pool == "shop");
  CHECK(connecting.backend == "192.0.2.9:9001");
  CHECK(connecting.route == "web");
  CHECK(connecting.age == seconds(2));
  CHECK_FALSE(connecting.cut_in);
  CHECK(run.stream.is_at(*run.worker.states[0]));
  CHECK_FALSE(run.stream.is_at(*run.worker.states[1]));
  run.accept();
  CHECK(run.stream.info().phase == "waiting");
  run.backend->answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(run.stream.info().phase == "response");
}

TEST_CASE("a long path is cut in reports") {
  Streaming run("GET /" + std::string(500, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  run.start();
  CHECK(run.stream.info().request == "GET /" + std::string(115, 'a') + "...");
}

TEST_CASE("a client that leaves ends its request, whatever it is by then") {
  for (const bool is_tunnel : {false, true}) {
    Streaming run(kUpgrade);
    is_tunnel ? run.upgrade() : run.start();
    run.client.handler->on_client_gone(
        {.code = ErrorCode::closed, .message = "left", .origin = Origin::downstream});
    CHECK(run.over == "abort");
    CHECK(run.worker.dialer.dialing() == "");
    CHECK(run.worker.ended() == "client_abort=1 ");
    CHECK(run.worker.states[0]->in_flight() == 0);
  }
}

TEST_CASE("a process that stops drops a request, and leaves the client's stream to the owner") {
  for (const bool is_tunnel : {false, true}) {
    Streaming run(kUpgrade);
    is_tunnel ? run.upgrade() : run.start();
    run.stream.stop();
    CHECK(run.over == "");
    CHECK(run.worker.ended() == "stopped=1 ");
    run.stream.clear();
    CHECK(run.worker.states[0]->in_flight() == 0);
  }
}

TEST_CASE("a process that stops may say so to a client that has no response yet") {
  Streaming run;
  run.start();
  run.accept();
  run.stream.answer_stopped();
  CHECK(run.over == "finish");
  CHECK(run.client.status == 503);
  CHECK(run.client.is_own);
  CHECK(run.to_backend->is_dropped);
  CHECK(run.worker.ended() == "stopped=1 ");
}

// ---- its generation

TEST_CASE("a request is listed by its generation until it is cleared, and by the newest once that is over") {
  for (const bool is_tunnel : {false, true}) {
    Streaming run(kUpgrade);
    is_tunnel ? run.upgrade() : run.start();
    const std::string id(run.stream.request_id());
    CHECK(id.size() == 32);
    CHECK(running_in(run.worker.generation, id));
    LocalGeneration newest;
    run.worker.adopt(newest, 8, {});
    end_drain(run.worker.generation, newest, 0);
    CHECK_FALSE(running_in(run.worker.generation, id));
    CHECK(running_in(newest, id));
    CHECK(run.worker.generation.shared->in_flight() == 0);
    CHECK(run.stream.generation() == 7);
    CHECK(run.stream.info().route == "web");
    const GenerationUse use = use_of(newest, 9);
    CHECK(use.carried_over == 1);
    CHECK(use.tunnels == (is_tunnel ? 1 : 0));
    run.stream.clear();
    CHECK(newest.inside.empty());
    CHECK(newest.shared->in_flight() == 0);
  }
}

// ---- a tunnel

TEST_CASE("a request becomes a tunnel at the backend's 101") {
  Streaming run(kUpgrade);
  run.start();
  run.accept();
  CHECK_FALSE(run.stream.is_tunnel());
  run.backend->source.say("first");
  run.backend->answer(kSwitching);
  CHECK(run.stream.is_tunnel());
  CHECK(run.client.status == 101);
  CHECK(run.to_client->is_switched);
  CHECK(run.to_backend->is_switched);
  CHECK(run.to_client->body == "first");
  run.backend->sink.turn();
  run.client.source.say("ping");
  CHECK(run.to_backend->body == "ping");
  CHECK(run.stream.info().phase == "tunnel");
  CHECK(run.stream.info().backend == "192.0.2.9:9001");
  CHECK(run.stream.is_at(*run.worker.states[0]));
  CHECK(run.worker.states[0]->in_flight() == 1);
  run.client.source.end();
  run.backend->source.end();
  CHECK(run.over == "finish");
  CHECK(run.worker.ended() == "ok=1 ");
  CHECK(run.worker.states[0]->in_flight() == 0);
}

TEST_CASE("an owner that waits for the tunnel is called once, before any byte is passed on") {
  Streaming run(kUpgrade);
  int called = 0;
  run.start();
  run.stream.when_tunnel([&] { ++called; });
  run.accept();
  run.backend->source.say("first");
  CHECK(called == 0);
  run.backend->answer(kSwitching);
  CHECK(called == 1);
  CHECK(run.to_client->body == "");
  SUBCASE("and may take it") {
    const auto left = run.stream.suspend_tunnel();
    REQUIRE(left);
    CHECK(left->state.down == "first");
    CHECK(left->state.pool == "shop");
    CHECK(left->state.attempts == 1);
    run.stream.clear();
    CHECK(run.worker.ended() == "");
    CHECK(run.worker.counters.left.get() == 1);
  }
  SUBCASE("or leave it") {
    run.client.sink.turn();
    CHECK(run.to_client->body == "first");
  }
}

TEST_CASE("an exchange does not move") {
  Streaming run(kUpgrade);
  run.start();
  CHECK_FALSE(run.stream.suspend_tunnel());
  CHECK(run.worker.counters.left.get() == 0);
}

TEST_CASE("a tunnel on a connection that is to end is closed then, also one to come") {
  for (const bool is_early : {true, false}) {
    Streaming run(kUpgrade);
    bool is_moved = false;
    run.start();
    run.stream.when_tunnel([&] { is_moved = true; });
    if (is_early) run.stream.retire(run.in(seconds(30)));
    run.accept();
    run.backend->answer(kSwitching);
    if (!is_early) run.stream.retire(run.in(seconds(30)));
    CHECK(is_moved == !is_early);  // One that ends here is not to move.
    CHECK(run.stream.info().cut_in == seconds(30));
    run.worker.pass(seconds(30) - Duration(1));
    CHECK(run.over == "");
    run.worker.pass(Duration(1));
    CHECK(run.over == "finish");
    CHECK(run.to_client->has_ended);
  }
}

TEST_CASE("a tunnel on a connection that stays after all goes on") {
  Streaming run(kUpgrade);
  run.start();
  run.stream.retire(run.in(seconds(30)));
  SUBCASE("before it is one") {
    run.stream.stay();
    run.accept();
    run.backend->answer(kSwitching);
  }
  SUBCASE("and when it is one") {
    run.accept();
    run.backend->answer(kSwitching);
    run.stream.stay();
  }
  CHECK_FALSE(run.stream.info().cut_in);
  run.worker.pass(seconds(60));
  CHECK(run.over == "");
}

// ---- a tunnel of another owner's

TunnelState state_of_another() {
  return {.head = kUpgrade,
          .pool = "shop",
          .backend = TestWorker::address(1),
          .request_id = "its-id",
          .sent = 100,
          .received = 10,
          .age_ms = 5000,
          .attempts = 2,
          .up = {},
          .down = "under way"};
}

TEST_CASE("a tunnel of another owner goes on where it was") {
  Streaming run(kUpgrade);
  REQUIRE(run.resume(state_of_another()));
  CHECK(run.stream.is_tunnel());
  CHECK(run.stream.request_id() == "its-id");
  const InFlightInfo info = run.stream.info();
  CHECK(info.phase == "tunnel");
  CHECK(info.backend == "192.0.2.9:9002");
  CHECK(info.age == seconds(5));
  CHECK(running_in(run.worker.generation, "its-id"));
  CHECK(run.worker.states[1]->in_flight() == 1);
  CHECK(run.to_client->body == "under way");
  run.client.source.say("ping");
  CHECK(run.to_backend->body == "ping");
  run.worker.pass(seconds(1));
  const auto left = run.stream.suspend_tunnel();
  REQUIRE(left);
  CHECK(left->state == TunnelState{.head = kUpgrade,
                                   .pool = "shop",
                                   .backend = TestWorker::address(1),
                                   .request_id = "its-id",
                                   .sent = 109,
                                   .received = 14,
                                   .age_ms = 6000,
                                   .attempts = 2});
}

TEST_CASE("a tunnel of another owner that cannot go on here is refused") {
  Streaming run(kUpgrade);
  TunnelState state = state_of_another();
  SUBCASE("its backend is not in the pool") {
    state.backend = *Address::parse("192.0.2.77:1");
  }
  SUBCASE("its connection is of no use") {
    run.worker.dialer.may_adopt = false;
  }
  CHECK_FALSE(run.resume(state));
  CHECK_FALSE(run.stream.is_tunnel());
  run.stream.clear();
  CHECK(run.worker.ended() == "");
  CHECK(run.worker.states[1]->in_flight() == 0);
  CHECK(run.worker.generation.inside.empty());
}

TEST_CASE("a stream serves one request after another") {
  Streaming run(kUpgrade);
  run.stream.retire(run.in(seconds(30)));
  run.upgrade();
  run.client.source.end();
  run.backend->source.end();
  CHECK(run.over == "finish");
  TestClient next(kUpgrade);
  run.stream.start(run.worker.context, next, run.worker.generation, 0, run.on_over());
  CHECK_FALSE(run.stream.is_tunnel());
  run.accept();
  run.backend->answer(kSwitching);
  CHECK(run.stream.is_tunnel());
  CHECK_FALSE(run.stream.info().cut_in);
  run.worker.pass(seconds(60));
  CHECK(run.over == "finish");
}

}  // namespace
}  // namespace sluice::proxy
