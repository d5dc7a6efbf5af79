// How a backend's response reaches the client: edited, kept back or not, and passed on.
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/response.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using wire::Flow;
using wire::Follows;

const std::string kFive = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request whose backend answers.
struct Responding final : ResponseOwner {
  explicit Responding(TestSettings settings = {},
                      const std::string& request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      : worker(std::move(settings)), client(request) {
    worker.begin(flight, client);
    response.emplace(flight, *this);
  }

  void on_response_moved() override { ++moves; }
  void on_response_end(Result<void> how) override {
    said += how ? "whole " : "broken:" + how.error().message + " ";
    if (!how) origin = how.error().origin;
    if (drops) response.reset();
  }

  const http::ResponseHead& read(TestBackend& from, const std::string& fields) const {
    const http::ResponseHead* got = nullptr;
    from.send_head(client.request(), {}, Follows::nothing_yet);
    const Wait wait = from.read_head([&](Result<const http::ResponseHead*> answer) { got = *answer; });
    from.answer(fields);
    REQUIRE(got != nullptr);
    return *got;
  }
  void start(const std::string& fields, const Response::Facts& facts = {}) {
    response->start(read(backend, fields), backend, facts);
  }
  bool has_line(const std::string& line) const {
    return to_client->head.find("\r\n" + line + "\r\n") != std::string::npos;
  }

  TestWorker worker;
  TestClient client;
  TestBackend backend;
  std::shared_ptr<Taken> to_client = client.sink.taken();
  InFlight flight;
  std::string said;  // by the response
  int moves = 0;
  Origin origin = Origin::internal;  // of the side that broke
  bool drops = false;                // the response, when it ends
  std::optional<Response> response;
};

/// Up to ten bytes are kept back.
TestSettings holding() {
  return {.pool = {.retry = {.buffer_bytes = 10, .hold = true}}};
}

/// The route adds X-Outer, and removes X-Secret.
TestSettings editing() {
  config::Route edited{.pool = "shop"};
  edited.response_fields.set = {{"X-Outer", "yes"}};
  edited.response_fields.remove = {"X-Secret"};
  return {.config = {.routes = {edited}}};
}

// ---- passed on

TEST_CASE("a response is passed on as it comes, with its end") {
  Responding run;
  run.start("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 5\r\n\r\n");
  CHECK(run.to_client->head.starts_with("HTTP/1.1 201 Created\r\nX-Id: 7\r\n"));
  CHECK(run.response->head().status == 201);
  CHECK(run.response->is_passed_on());
  run.backend.source.say("he");
  run.backend.source.say("llo");
  CHECK(run.to_client->body == "hello");
  CHECK(run.flight.sent == 5);
  CHECK(run.moves == 2);
  CHECK(run.said == "");
  run.backend.source.end();
  CHECK(run.said == "whole ");
  CHECK_FALSE(run.response->is_passed_on());
  CHECK_FALSE(run.to_client->has_ended);
  CHECK(run.response->end() == Flow::open);
  CHECK(run.to_client->has_ended);
}

TEST_CASE("a response without a body is whole at once") {
  std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string fields = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  SUBCASE("of no bytes") {}
  SUBCASE("by its status") {
    fields = "HTTP/1.1 204 No Content\r\n\r\n";
  }
  SUBCASE("by its request") {
    request = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    fields = kFive;
  }
  Responding run(holding(), request);  // There is nothing to keep back.
  run.start(fields, {.may_be_held = true});
  CHECK(run.said == "whole ");
  CHECK(run.to_client->head != "");
  CHECK(run.response->end() == Flow::open);
  CHECK(run.to_client->has_ended);
  CHECK(run.to_client->body == "");
}

TEST_CASE("a head waits for the body when a part of that is there") {
  for (const bool is_there : {true, false}) {
    Responding run;
    if (is_there) run.backend.source.say("hello");
    run.client.sink.block();
    run.start(kFive);
    CHECK(run.client.is_committed() == !is_there);
    run.client.sink.open();
    CHECK(run.to_client->body == (is_there ? "hello" : ""));
  }
}

TEST_CASE("a client that takes nothing stops the backend") {
  Responding run;
  SUBCASE("from the head on") {
    run.client.sink.block();
    run.start(kFive);
    run.backend.source.say("hello");
    CHECK(run.moves == 0);
  }
  SUBCASE("in the middle") {
    run.start(kFive);
    CHECK_FALSE(run.response->waits_for_client());
    run.client.sink.block();
    run.backend.source.say("he");
    run.backend.source.say("llo");
    CHECK(run.moves == 1);
  }
  CHECK_FALSE(run.backend.source.is_read());
  CHECK(run.response->waits_for_client());
  run.client.sink.open();
  CHECK_FALSE(run.response->waits_for_client());
  CHECK(run.to_client->body == "hello");
}

TEST_CASE("an end that has not left yet is blocked") {
  Responding run;
  run.start(kFive);
  run.client.sink.block();
  run.backend.source.say("hello");
  run.backend.source.end();
  CHECK(run.response->end() == Flow::blocked);
  CHECK_FALSE(run.to_client->has_ended);
}

TEST_CASE("trailers are passed on without those that are not for the client") {
  Responding run(editing());
  run.backend.peer_trailers = {{"X-Sum", "1"}, {"X-Hop", "2"}, {"X-Secret", "3"}};
  run.start("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n");
  run.backend.source.end();
  run.response->end();
  CHECK(run.to_client->trailers == "X-Sum: 1\r\n");
}

// ---- edited

TEST_CASE("a response has its route's edits") {
  Responding run(editing());
  run.start("HTTP/1.1 200 OK\r\nX-Secret: 1\r\nX-Id: 7\r\nContent-Length: 5\r\n\r\n");
  CHECK(run.has_line("X-Outer: yes"));
  CHECK(run.has_line("X-Id: 7"));
  CHECK_FALSE(run.has_line("X-Secret: 1"));
}

TEST_CASE("a response sets the cookie of its backend beside its route's edits") {
  Responding run(editing());
  run.start(kFive, {.sticky_id = 42});
  CHECK(run.has_line("Set-Cookie: sluice=000000000000002a; Path=/; HttpOnly; SameSite=Lax"));
  CHECK(run.has_line("X-Outer: yes"));
}

TEST_CASE("a drain header is not for the client") {
  for (const bool has_drain_header : {true, false}) {
    Responding run({.pool = {.drain_header = {.name = "X-Drain"}}});
    run.start("HTTP/1.1 200 OK\r\nx-drain: yes\r\nContent-Length: 5\r\n\r\n",
              {.has_drain_header = has_drain_header});
    CHECK(run.has_line("x-drain: yes") == !has_drain_header);
  }
}

TEST_CASE("a response says what it took to get it, when it took something") {
  bool is_forwarded = true;
  bool says_next_hop = false;
  bool has_failed = false;
  bool has_waited = false;
  std::string line;
  SUBCASE("nothing") {}
  SUBCASE("an attempt before") {
    has_failed = true;
    line = "Proxy-Status: sluice; details=\"attempts=2\"";
  }
  SUBCASE("a wait") {
    has_waited = true;
    line = "Proxy-Status: sluice; details=\"attempts=1 held_ms=250\"";
  }
  SUBCASE("both, and where it comes from") {
    has_failed = has_waited = says_next_hop = true;
    line = "Proxy-Status: sluice; next-hop=\"192.0.2.9:9002\"; details=\"attempts=2 held_ms=250\"";
  }
  SUBCASE("what clients are not to see") {
    is_forwarded = false;
    has_failed = has_waited = true;
  }
  Responding run({.config = {.proxy_status = {.next_hop = says_next_hop, .forwarded = is_forwarded}}});
  run.flight.backend = TestWorker::address(1);
  const TimePoint now = run.worker.clock.now();
  if (has_failed) run.flight.trace.attempt_ends(TestWorker::address(0), Cause::backend_closed, 0, now, now);
  if (has_waited) {
    run.flight.trace.wait_begins(now);
    run.flight.trace.wait_ends(now + Duration(250));
  }
  run.start(kFive);
  CHECK((run.to_client->head.find("Proxy-Status") != std::string::npos) == !line.empty());
  if (!line.empty()) CHECK(run.has_line(line));
}

TEST_CASE("a change of protocols is passed on, with the edits") {
  Responding run(editing());
  const auto& switching = run.read(
      run.backend, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
  Flow flow = Flow::open;
  SUBCASE("and taken") {}
  SUBCASE("and not taken yet") {
    flow = Flow::blocked;
    run.client.sink.block();
  }
  CHECK(run.response->switch_protocols(switching, {.sticky_id = 42}) == flow);
  CHECK(run.to_client->is_switched);
  CHECK(run.client.status == 101);
  CHECK(run.has_line("Upgrade: chat"));
  CHECK(run.has_line("X-Outer: yes"));
  CHECK(run.to_client->head.find("Set-Cookie: sluice=") != std::string::npos);
  CHECK(&run.response->head() == &switching);
  CHECK(run.said == "");
}

// ---- kept back

TEST_CASE("a response that is kept back begins once it is whole") {
  for (const std::string& fields : {kChunked, std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")}) {
    Responding run(holding());
    run.start(fields, {.sticky_id = 42, .may_be_held = true});
    run.backend.source.say("hello");
    run.backend.source.say("world");
    CHECK(run.moves == 2);
    CHECK(run.flight.sent == 10);
    run.backend.source.end();
    CHECK(run.said == "whole ");
    CHECK(run.to_client->head == "");
    CHECK(run.to_client->body == "");
    CHECK_FALSE(run.client.is_committed());
    CHECK(run.response->end() == Flow::open);
    CHECK(run.client.status == 200);
    CHECK(run.to_client->head.find("Set-Cookie: sluice=") != std::string::npos);
    CHECK(run.to_client->body == "helloworld");
    CHECK(run.to_client->has_ended);
  }
}

TEST_CASE("a response that turns out too large to be kept back begins then") {
  Responding run(holding());
  run.start(kChunked, {.may_be_held = true});
  run.backend.source.say("helloworld");
  CHECK(run.to_client->head == "");
  run.backend.source.say("!");
  CHECK(run.client.status == 200);
  CHECK(run.to_client->body == "helloworld!");
  run.backend.source.say("?");
  CHECK(run.to_client->body == "helloworld!?");
}

TEST_CASE("a response begins at once where it is not kept back") {
  TestSettings settings = holding();
  bool may_be_held = true;
  std::string fields = kFive;
  SUBCASE("the pool keeps none") {
    settings.pool.retry.hold = false;
  }
  SUBCASE("no other attempt could be made") {
    may_be_held = false;
  }
  SUBCASE("it is too large") {
    fields = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n";
  }
  Responding run(settings);
  run.start(fields, {.may_be_held = may_be_held});
  CHECK(run.client.is_committed());
  run.backend.source.say("hello");
  CHECK(run.to_client->body == "hello");
}

TEST_CASE("nothing of a response that was kept back and stopped reaches the client") {
  TestBackend second;
  Responding run(holding());
  run.start(kFive, {.may_be_held = true});
  run.backend.source.say("hel");
  run.response->stop();
  CHECK_FALSE(run.backend.source.is_read());
  CHECK(run.to_client->head == "");
  Response::Facts facts;
  SUBCASE("and the next one is kept back, too") {
    facts.may_be_held = true;
  }
  SUBCASE("and the next one begins at once") {}
  run.response->start(run.read(second, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n"), second, facts);
  CHECK(run.client.is_committed() == !facts.may_be_held);
  second.source.say("there");
  second.source.end();
  run.response->end();
  CHECK(run.to_client->head.starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(run.to_client->body == "there");
  CHECK(run.said == "whole ");
}

TEST_CASE("a response that is kept back has its route's edits after its generation's end") {
  TestSettings settings = editing();
  settings.pool = holding().pool;
  LocalGeneration newest;
  Responding run(settings);
  run.start(kFive, {.may_be_held = true});
  run.backend.source.say("hello");
  run.worker.adopt(newest, 8, {});
  run.flight.outlive_generation(newest, 0);
  run.worker.generation.shared.reset();
  run.backend.source.end();
  run.response->end();
  CHECK(run.has_line("X-Outer: yes"));
}

// ---- what breaks it off

TEST_CASE("a response that breaks off says which side it was") {
  Responding run;
  run.start(kFive);
  Origin side = Origin::upstream;
  SUBCASE("the backend") {
    run.backend.source.say("he");
    run.backend.source.end(Error{.code = ErrorCode::reset, .message = "reset", .origin = side});
  }
  SUBCASE("the client") {
    side = Origin::downstream;
    run.client.sink.block();
    run.backend.source.say("he");
    run.client.sink.fail({.code = ErrorCode::reset, .message = "reset", .origin = side});
  }
  CHECK(run.said == "broken:reset ");
  CHECK(run.origin == side);
  CHECK_FALSE(run.response->is_passed_on());
  CHECK_FALSE(run.backend.source.is_read());
  CHECK_FALSE(run.to_client->has_ended);
}

TEST_CASE("a response that is stopped or dropped calls nothing back") {
  for (const bool is_dropped : {true, false}) {
    for (const bool is_blocked : {true, false}) {
      Responding run;
      if (is_blocked) run.client.sink.block();
      run.start(kFive);
      is_dropped ? run.response.reset() : run.response->stop();
      CHECK_FALSE(run.backend.source.is_read());
      run.backend.source.say("hello");
      run.backend.source.end();
      run.client.sink.open();
      CHECK(run.moves == 0);
      CHECK(run.said == "");
      CHECK(run.to_client->body == "");
    }
  }
}

TEST_CASE("an owner may drop the response when it ends") {
  Responding run;
  run.drops = true;
  std::string fields = kFive;
  SUBCASE("which has a body") {}
  SUBCASE("which has none") {
    fields = "HTTP/1.1 204 No Content\r\n\r\n";
  }
  run.start(fields);
  run.backend.source.end();
  CHECK(run.said == "whole ");
  CHECK_FALSE(run.response);
}

}  // namespace
}  // namespace sluice::proxy
