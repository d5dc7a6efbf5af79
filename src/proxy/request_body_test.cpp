// How a request's body goes to one attempt and to the next; what a backend gives back is in
// request_body_given_back_test.cpp.
#include <sluice/proxy/request_body.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "proxy/test_request_body.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using wire::Flow;

const std::string kChunkedPost =
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n";
const std::string kExpecting =
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// ---- one attempt

TEST_CASE("a body goes to the attempt as it comes, with its end and its trailers") {
  config::Route edited{.name = "web", .pool = "shop"};
  edited.request_fields.remove = {"X-Secret"};
  TestUpload run({.config = {.routes = {edited}}}, kChunkedPost);
  run.client.peer_trailers = {{"X-Sum", "1"}, {"X-Hop", "2"}, {"X-Secret", "3"}};
  run.send_to(run.first);
  CHECK(run.to_first->body == "");
  run.client.source.say("hello");
  CHECK(run.to_first->body == "hello");
  CHECK(run.body->is_sending());
  CHECK(run.body->is_under_way());
  run.client.source.say("world");
  CHECK(run.moves == 2);
  CHECK(run.said == "");
  run.client.source.end();
  CHECK(run.to_first->body == "helloworld");
  CHECK(run.to_first->has_ended);
  CHECK(run.to_first->trailers == "X-Sum: 1\r\n");
  CHECK(run.said == "sent ");
  CHECK(run.flight.received == 10);
  CHECK_FALSE(run.body->is_sending());
  CHECK_FALSE(run.body->is_under_way());
}

TEST_CASE("nothing is taken from the client before the head has left") {
  TestUpload run;
  run.first.sink.block();
  run.client.source.say("hello");
  run.body->send_to(run.first, Flow::blocked, 1000);
  CHECK_FALSE(run.client.source.is_read());
  CHECK(run.flight.received == 0);
  run.first.sink.open();
  CHECK(run.to_first->body == "hello");
}

TEST_CASE("a backend that takes nothing stops the client") {
  TestUpload run;
  run.send_to(run.first);
  run.first.sink.block();
  run.client.source.say("hello");
  run.client.source.say("world");
  CHECK_FALSE(run.client.source.is_read());
  CHECK(run.flight.received == 5);
  run.first.sink.open();
  CHECK(run.to_first->body == "helloworld");
}

TEST_CASE("it is the client's turn while the attempt has been sent all that came") {
  TestUpload run;
  CHECK_FALSE(run.body->waits_for_client());
  run.send_to(run.first);
  CHECK(run.body->waits_for_client());
  run.first.sink.block();
  run.client.source.say("hello");
  CHECK_FALSE(run.body->waits_for_client());
  run.first.sink.open();
  CHECK(run.body->waits_for_client());
  run.client.source.say("world");
  run.client.source.end();
  CHECK_FALSE(run.body->waits_for_client());
}

// ---- the next attempt

TEST_CASE("what one attempt took of a body goes to the next one again, and then the rest") {
  TestUpload run;
  run.send_to(run.first);
  run.client.source.say("hel");
  run.client.source.say("lo");
  run.body->stop();
  CHECK_FALSE(run.client.source.is_read());
  CHECK(run.body->is_replayable());
  SUBCASE("which comes before it begins") {
    run.client.source.say("world");
    CHECK(run.flight.received == 5);
    run.send_to(run.second);
  }
  SUBCASE("which comes later") {
    run.send_to(run.second);
    CHECK(run.to_second->body == "hello");
    run.client.source.say("world");
  }
  CHECK(run.to_second->body == "helloworld");
  CHECK(run.flight.received == 10);
  run.client.source.end();
  CHECK(run.to_second->has_ended);
  CHECK(run.to_first->body == "hello");
  CHECK_FALSE(run.to_first->has_ended);
  CHECK(run.said == "sent ");
}

TEST_CASE("a body that the client has sent whole goes to the next attempt at once") {
  TestUpload run({}, kChunkedPost);
  run.client.peer_trailers = {{"X-Sum", "1"}};
  run.send_to(run.first);
  run.client.source.say("helloworld");
  run.client.source.end();
  run.body->stop();
  run.send_to(run.second);
  CHECK(run.to_second->body == "helloworld");
  CHECK(run.to_second->has_ended);
  CHECK(run.to_second->trailers == "X-Sum: 1\r\n");
  CHECK(run.said == "sent sent ");
  CHECK(run.flight.received == 10);
}

TEST_CASE("the rest waits until the next attempt has taken what is sent again") {
  TestUpload run;
  run.send_to(run.first);
  run.client.source.say("hello");
  run.body->stop();
  run.second.sink.block();
  run.send_to(run.second);
  run.client.source.say("world");
  CHECK(run.flight.received == 5);
  CHECK_FALSE(run.body->waits_for_client());
  run.second.sink.open();
  CHECK(run.to_second->body == "helloworld");
}

TEST_CASE("a body is remembered up to a bound") {
  struct Case {
    uint64_t most;
    bool is_replayable;
  };
  for (const Case each : {Case{10, true}, Case{9, false}, Case{0, false}}) {
    TestUpload run;
    run.body->send_to(run.first, Flow::open, each.most);
    CHECK(run.body->is_replayable());  // As long as nothing was taken.
    run.client.source.say("hello");
    CHECK(run.body->is_replayable() == (each.most > 0));
    run.client.source.say("world");
    CHECK(run.body->is_replayable() == each.is_replayable);
    CHECK(run.to_first->body == "helloworld");
    run.client.source.end();
    run.body->stop();
    CHECK(run.body->is_replayable() == each.is_replayable);
    CHECK(run.body->is_at_hand() == each.is_replayable);
  }
}

TEST_CASE("the bound of the attempt that takes a piece holds for it") {
  TestUpload run;
  run.body->send_to(run.first, Flow::open, 5);
  run.client.source.say("hello");
  run.body->stop();
  run.body->send_to(run.second, Flow::open, 10);
  run.client.source.say("world");
  CHECK(run.body->is_replayable());
}

TEST_CASE("a body is at hand when bytes of it can leave with the head") {
  TestUpload run;
  CHECK_FALSE(run.body->is_at_hand());
  run.client.source.say("hello");
  CHECK(run.body->is_at_hand());
  run.send_to(run.first);
  run.body->stop();
  CHECK_FALSE(run.client.has_buffered_body());
  CHECK(run.body->is_at_hand());
}

// ---- a client that waits for a 100

TEST_CASE("a client that waits for a 100 is sent one when the backend says nothing for too long") {
  TestUpload run({.pool = {.timeouts = {.expect_continue = seconds(3)}}}, kExpecting);
  run.send_to(run.first);
  CHECK_FALSE(run.body->waits_for_client());
  run.worker.pass(seconds(3) - Duration(1));
  CHECK(run.client.sink.taken()->head == "");
  run.worker.pass(Duration(1));
  CHECK(run.client.sink.taken()->head == kContinue);
  CHECK(run.body->waits_for_client());
  run.client.source.say("hello");
  run.worker.pass(hours(1));
  CHECK(run.client.sink.taken()->head == kContinue);
}

TEST_CASE("a client is sent no 100 that it does not need") {
  Duration most = seconds(1);
  std::string request = kExpecting;
  std::function<void(TestUpload&)> first;
  SUBCASE("it waits for none") {
    request = TestUpload::kPost;
  }
  SUBCASE("the configuration says never") {
    most = Duration::zero();
  }
  SUBCASE("the attempt answers first") {
    first = [](TestUpload& run) {
      run.body->stop_expecting();
      CHECK(run.body->waits_for_client());
    };
  }
  SUBCASE("its body comes first") {
    first = [](TestUpload& run) {
      run.client.source.say("hello");
      CHECK(run.body->waits_for_client());
    };
  }
  SUBCASE("the attempt is over first") {
    first = [](TestUpload& run) { run.body->stop(); };
  }
  SUBCASE("the body is dropped first") {
    first = [](TestUpload& run) { run.body.reset(); };
  }
  TestUpload run({.pool = {.timeouts = {.expect_continue = most}}}, request);
  run.send_to(run.first);
  if (first) first(run);
  run.worker.pass(hours(1));
  CHECK(run.client.sink.taken()->head == "");
}

TEST_CASE("each attempt has as long for its 100, but for a body that is whole") {
  for (const bool is_whole : {false, true}) {
    TestUpload run({}, kExpecting);
    run.send_to(run.first);
    run.worker.pass(seconds(1) - Duration(1));
    if (is_whole) {
      run.client.source.say("helloworld");
      run.client.source.end();
    }
    run.body->stop();
    run.send_to(run.second);
    run.worker.pass(seconds(1) - Duration(1));
    CHECK(run.client.sink.taken()->head == "");
    run.worker.pass(Duration(1));
    CHECK(run.client.sink.taken()->head == (is_whole ? "" : kContinue));
  }
}

// ---- what breaks it off

TEST_CASE("a backend that takes no more is reported, and the body goes no further") {
  TestUpload run;
  run.send_to(run.first);
  run.first.sink.block();
  run.client.source.say("hello");
  run.first.sink.fail({.code = ErrorCode::reset, .message = "broke", .origin = Origin::upstream});
  CHECK(run.said == "refused:broke ");
  CHECK_FALSE(run.body->is_sending());
  CHECK_FALSE(run.client.source.is_read());
  CHECK_FALSE(run.to_first->has_ended);
  run.body->stop();
  run.send_to(run.second);
  CHECK(run.to_second->body == "hello");
}

TEST_CASE("a client that breaks its body off loses it, by the cause of its error") {
  struct Case {
    ErrorCode code;
    int status;
    std::string cause;
  };
  for (const Case& each :
       {Case{ErrorCode::malformed, 400, "bad_request"}, Case{ErrorCode::too_large, 413, "body_too_large"},
        Case{ErrorCode::timed_out, 408, "client_timeout"}, Case{ErrorCode::timed_out, 0, "client_timeout"}}) {
    TestUpload run;
    run.send_to(run.first);
    run.client.source.say("hello");
    run.client.source.end(
        Error{.code = each.code, .message = "why", .origin = Origin::downstream, .status = each.status});
    CHECK(run.said == "lost:" + each.cause + ":why ");
    CHECK_FALSE(run.to_first->has_ended);
    CHECK_FALSE(run.body->is_sending());
  }
}

TEST_CASE("a body that is dropped calls nothing back") {
  TestUpload run({}, kExpecting);
  run.send_to(run.first);
  SUBCASE("while it waits for the client") {}
  SUBCASE("while the backend takes nothing") {
    run.first.sink.block();
    run.client.source.say("hello");
  }
  SUBCASE("in the middle") {
    run.client.source.say("hello");
  }
  const std::string before = run.to_first->body;
  const int moves = run.moves;
  run.body.reset();
  CHECK_FALSE(run.client.source.is_read());
  run.client.source.say("world");
  run.client.source.end();
  run.worker.pass(hours(1));
  run.first.sink.fail({.code = ErrorCode::reset, .message = "broke", .origin = Origin::upstream});
  CHECK(run.to_first->body == before);
  CHECK(run.said == "");
  CHECK(run.moves == moves);
}

// ---- the room for what is remembered

TEST_CASE("the next request of the worker uses the room, and sees no byte of the last one") {
  TestUpload run;
  run.send_to(run.first);
  run.client.source.say(std::string(900, 's'));
  run.body.reset();
  const std::string& spare = run.worker.context.replay;
  CHECK(spare == "");
  const size_t room = spare.capacity();
  CHECK(room >= 900);
  RequestBody next(run.flight, run);
  run.flight.received = 0;
  next.send_to(run.second, Flow::open, 1000);
  run.client.source.say("hello");
  CHECK(spare.capacity() < room);  // It is in use.
  TestBackend again;
  next.stop();
  next.send_to(again, Flow::open, 1000);
  CHECK(again.sink.taken()->body == "hello");
}

TEST_CASE("the worker keeps no more room than a usual body needs") {
  TestUpload run;
  run.body->send_to(run.first, Flow::open, 1'000'000);
  run.client.source.say(std::string(200'000, 's'));
  CHECK(run.body->is_replayable());
  run.body.reset();
  CHECK(run.worker.context.replay.capacity() < 100'000);
}

TEST_CASE("of two bodies at a time the worker keeps the larger room, whichever ends first") {
  for (const bool is_large_first : {true, false}) {
    TestUpload run;
    TestClient other(TestUpload::kPost);
    InFlight beside;
    run.worker.begin(beside, other);
    std::optional<RequestBody> small(std::in_place, beside, run);
    run.body->send_to(run.first, Flow::open, 10'000);
    run.client.source.say(std::string(5000, 'l'));
    small->send_to(run.second, Flow::open, 10'000);
    other.source.say(std::string(100, 's'));
    is_large_first ? run.body.reset() : small.reset();
    is_large_first ? small.reset() : run.body.reset();
    CHECK(run.worker.context.replay.capacity() >= 5000);
  }
}

TEST_CASE("a piece that is too much to be remembered moves when the body is not replayable any more") {
  TestUpload run;
  run.body->send_to(run.first, wire::Flow::open, 4);
  run.client.source.say("four");
  CHECK(run.was_replayable);
  run.client.source.say("+");
  CHECK(run.moves == 2);
  CHECK_FALSE(run.was_replayable);
}

}  // namespace
}  // namespace sluice::proxy
