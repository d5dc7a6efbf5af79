// What HTTP/1.1 means beyond one request and one response: 100-continue, trailers, tunnels, PROXY headers,
// and connections that are to end.
#include "wire/test_owner.h"

namespace sluice::wire {
namespace {

const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n";

TEST_CASE("a client that waits for 100 has all the time until then, and gets one 100") {
  Owner owner;
  KeepingReceiver receiver;
  owner.transport->arrive(kPost + "Expect: 100-continue\r\n\r\n");
  owner.stream->start_body(receiver);
  owner.pass(100'000);
  CHECK_FALSE(receiver.ended);
  owner.stream->send_continue();
  owner.stream->send_interim(owner.response("HTTP/1.1 100 Continue\r\n\r\n"), nullptr);
  CHECK(owner.transport->written == "HTTP/1.1 100 Continue\r\n\r\n");
  owner.pass(30'001);
  CHECK(receiver.error == "the request's body took too long");
}

TEST_CASE("interim responses go on to HTTP/1.1 clients alone") {
  Owner modern;
  modern.transport->arrive(kGet);
  modern.stream->send_interim(modern.response("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), nullptr);
  CHECK(modern.transport->written == "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  Owner old;
  old.transport->arrive("GET / HTTP/1.0\r\n\r\n");
  old.stream->send_interim(old.response("HTTP/1.1 103 Early Hints\r\n\r\n"), nullptr);
  CHECK(old.transport->written == "");
}

TEST_CASE("trailers follow a chunked response, and are dropped where there is no place for them") {
  for (const std::string version : {"1.1", "1.0"}) {
    Owner owner;
    owner.transport->arrive("GET / HTTP/" + version + "\r\nHost: h\r\n\r\n");
    owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), nullptr,
                            Follows::nothing_yet);
    owner.stream->write_body("x");
    owner.stream->end_body({{"A", "b"}});
    const bool passed = owner.transport->written.ends_with("\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n");
    CHECK(passed == (version == "1.1"));
    CHECK((owner.transport->written.find("A: b") != std::string::npos) == passed);
    if (version == "1.0") CHECK(owner.transport->written.ends_with("Connection: close\r\n\r\nx"));
  }
}

TEST_CASE("a request's trailers are there when its body has ended") {
  Owner owner;
  KeepingReceiver receiver;
  owner.transport->arrive(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n");
  owner.stream->start_body(receiver);
  CHECK(receiver.ended);
  CHECK(owner.stream->trailers().lines() == "A: b\r\n");
}

const std::string kUpgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST_CASE("a tunnel carries bytes as they are, what came early included, and ends one way at a time") {
  Owner owner;
  KeepingReceiver receiver;
  owner.context.settings.body_bytes = 1;  // Of requests; a tunnel has no such bound.
  owner.transport->arrive(kUpgrade + "early");
  owner.stream->switch_protocols(owner.response(kSwitching), nullptr);
  CHECK(owner.transport->written.find("Connection: upgrade\r\n") != std::string::npos);
  CHECK(owner.transport->written.find("Upgrade: websocket\r\n") != std::string::npos);
  owner.transport->written.clear();
  owner.stream->start_body(receiver);
  owner.transport->arrive("GET /none HTTP/1.1\r\n\r\n");
  CHECK(receiver.body == "earlyGET /none HTTP/1.1\r\n\r\n");
  owner.pass(1'000'000);  // Silence is not ours to judge.
  owner.stream->write_body("0\r\n\r\n");
  CHECK(owner.transport->written == "0\r\n\r\n");
  owner.transport->end();
  CHECK(receiver.ended);
  CHECK(receiver.error == "");
  CHECK(owner.gone == "");
  CHECK_FALSE(owner.transport->is_shut_down);
  owner.stream->write_body("more");
  owner.stream->end_body({});
  CHECK(owner.transport->is_shut_down);
  owner.stream->finish();
  CHECK(owner.is_over);
  CHECK(owner.targets == "/ ");
}

TEST_CASE("without a 101 what follows an upgrade's head is the next request") {
  Owner owner;
  owner.transport->arrive(kUpgrade + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  owner.answer();
  CHECK(owner.targets == "/ /2 ");
}

TEST_CASE("a connection that is to end while it answers rests a moment, so that no next request is lost") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), nullptr,
                          Follows::nothing_yet);
  owner.connection->retire(Duration{500});
  owner.stream->write_body("ok");
  owner.stream->end_body({});
  owner.stream->finish();
  CHECK_FALSE(owner.is_over);  // The client has seen no Connection: close.
  owner.pass(499);
  owner.transport->arrive(kGet);
  CHECK(owner.targets == "/ / ");
  owner.transport->written.clear();
  owner.answer();
  CHECK(owner.transport->written.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("a client that takes nothing is given up, whatever it still sends") {
  Owner owner;
  KeepingReceiver receiver;
  owner.transport->arrive(kPost + "\r\n");
  owner.stream->start_body(receiver);
  owner.transport->blocked = true;
  owner.stream->write_body("x");
  const Wait wait = owner.stream->when_writable([](Result<void>) {});
  for (int i = 0; i < 4; ++i) {
    owner.pass(4000);
    owner.transport->arrive("y");
  }
  owner.stream->pause_body();
  owner.pass(4001);
  CHECK(owner.gone == "timed_out");
}

TEST_CASE("a body that comes too slowly on average is refused, and only the client's own time counts") {
  const auto dribble = [](bool backend_pauses) {
    Owner owner;
    owner.context.settings.body_bytes_per_second = 100;
    KeepingReceiver receiver;
    owner.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    owner.stream->start_body(receiver);
    for (int i = 0; i < 8 && !receiver.ended; ++i) {
      if (backend_pauses) owner.stream->pause_body();
      owner.pass(5000);
      if (backend_pauses) owner.stream->resume_body();
      owner.transport->arrive("x");
    }
    return receiver.error;
  };
  CHECK(dribble(false) == "the request's body came too slowly");
  CHECK(dribble(true) == "");
}

TEST_CASE(
    "an early answer of the backend's ends the connection, since the rest of the request is no request") {
  Owner owner;
  owner.transport->arrive(kPost + "\r\nhel");
  owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), nullptr,
                          Follows::nothing_yet);
  CHECK(owner.transport->written.find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("a connection too many gets an answer that says so, and its client can read it") {
  Owner owner;
  owner.connection->refuse(owner, {.code = ErrorCode::too_large, .message = "too many", .status = 429});
  CHECK(owner.bad_status == 429);
  CHECK(owner.transport->written.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
  CHECK(owner.transport->is_shut_down);
  CHECK_FALSE(owner.is_over);
}

}  // namespace
}  // namespace sluice::wire
