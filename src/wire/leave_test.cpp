// A connection that goes from one owner to the next: between two requests, or as a tunnel; nothing that came
// is lost.
#include <sluice/wire/http1_client.h>

#include <string>

#include "wire/test_owner.h"

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

/// Whose bytes the next owner is given at the moment it may be.
BetweenRequests leave(Owner& owner) {
  owner.is_leaving = true;
  owner.connection->suspend_when_idle();
  REQUIRE(owner.left);
  return *owner.left;
}

TEST_CASE("a head that is half read is the next owner's, wherever it was cut") {
  const std::string request = "\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  for (size_t cut = 0; cut < request.size(); ++cut) {
    CAPTURE(cut);
    Owner before;
    for (const char byte : request.substr(0, cut)) before.transport->arrive(std::string(1, byte));
    Owner after(leave(before));
    after.transport->arrive(request.substr(cut));
    CHECK(before.targets.empty());
    CHECK(after.targets == "/x ");
  }
}

TEST_CASE("a connection that answers leaves with the answer, and the pipelined rest is the next owner's") {
  Owner before;
  before.is_leaving = true;
  before.transport->arrive(kGet + kGet + "GET /half");
  before.connection->suspend_when_idle();
  CHECK_FALSE(before.left);
  before.answer();
  REQUIRE(before.left);
  CHECK(before.left->requests == 1);
  CHECK(before.left->bytes == kGet + "GET /half");
  CHECK(before.written.find("Connection: close") == std::string::npos);
  Owner after(*before.left);
  CHECK(after.targets == "/ ");
  after.answer();
  after.transport->arrive(" HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(after.targets == "/ /half ");
}

TEST_CASE("a connection that is not to leave after all goes on with the next request") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.connection->suspend_when_idle();
  owner.connection->stay();
  owner.answer();
  CHECK_FALSE(owner.left);
  owner.transport->arrive(kGet);
  CHECK(owner.targets == "/ / ");
}

/// Has the request answered as soon as its body is whole.
struct AnswerAtEnd final : BodyReceiver {
  explicit AnswerAtEnd(Owner& the_owner) : owner(the_owner) {}
  void on_body(Slices) override {}
  void on_body_end(Result<void>) override { owner.answer(); }
  Owner& owner;
};

TEST_CASE("an answer that is given in the middle of a read leaves the rest of it to the next owner") {
  Owner before;
  before.is_leaving = true;
  before.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
  before.connection->suspend_when_idle();
  AnswerAtEnd receiver(before);
  before.stream->start_body(receiver);
  before.transport->arrive("abc" + kGet + "GET");
  REQUIRE(before.left);
  CHECK(before.left->bytes == kGet + "GET");
  CHECK(before.targets == "/ ");
}

TEST_CASE("a connection that is to end with its answer is not left to anybody") {
  Owner owner;
  owner.is_leaving = true;
  owner.transport->arrive("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  owner.connection->suspend_when_idle();
  owner.answer();
  CHECK_FALSE(owner.left);
  CHECK(owner.is_over);
}

TEST_CASE("a connection that is to end after all says so, and does not leave any more") {
  Owner owner;
  owner.is_leaving = true;
  owner.transport->arrive(kGet);
  owner.connection->suspend_when_idle();
  owner.connection->retire(Duration{500});
  owner.answer();
  CHECK_FALSE(owner.left);
  CHECK(owner.transport->written.find("Connection: close") != std::string::npos);
}

TEST_CASE(
    "a connection that is not to end after all says nothing of an end, rests as before, and can be left") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.connection->suspend_when_idle();
  owner.connection->retire(Duration{500});
  owner.connection->stay();
  owner.answer();
  CHECK(owner.transport->written.find("Connection: close") == std::string::npos);
  owner.connection->retire(Duration{500});
  owner.connection->stay();
  owner.pass(59'000);
  CHECK_FALSE(owner.is_over);
  CHECK(leave(owner).requests == 1);
  Owner idle;
  idle.connection->retire(Duration{500});
  idle.connection->stay();
  idle.pass(60'001);
  CHECK(idle.is_over);
}

TEST_CASE("a head that said close and was taken back does not count: the connection may still stay") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.connection->retire(Duration{500});
  const auto head = owner.response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  owner.stream->send_head(head, nullptr, Follows::body_at_once);
  owner.stream->discard_head();
  owner.connection->stay();
  owner.answer();
  CHECK(owner.transport->written.find("Connection: close") == std::string::npos);
}

TEST_CASE("what has said close, or has another reason to end, ends although it is not to end any more") {
  Owner said;
  said.transport->arrive(kGet);
  said.connection->retire(Duration{500});
  said.stream->send_reply({.status = 404, .explanation = "x"});
  said.connection->stay();
  said.stream->finish();
  CHECK(said.transport->is_shut_down);
  Owner last;
  last.context.settings.requests_per_connection = 1;
  last.connection->retire(Duration{500});
  last.transport->arrive(kGet);
  last.connection->stay();
  last.answer();
  CHECK(last.transport->written.find("Connection: close") != std::string::npos);
  CHECK(last.transport->is_shut_down);
}

TEST_CASE("a tunnel goes on at its next owner with what was read and not passed on") {
  const std::string head = "GET /t HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
  Owner owner(Owner::Start::later);
  const auto stream = owner.connection->start_tunnel(owner, head, "early ");
  REQUIRE(stream);
  owner.stream = *stream;
  CHECK(owner.stream->request().target() == "/t");
  CHECK_FALSE(owner.transport->reading);
  KeepingReceiver receiver;
  owner.stream->start_body(receiver);
  owner.transport->arrive("GET / HTTP/1.1\r\n");
  CHECK(receiver.body == "early GET / HTTP/1.1\r\n");
  owner.stream->write_body("down");
  CHECK(owner.transport->written == "down");
  owner.transport->end();
  CHECK(receiver.ended);
  CHECK(receiver.error.empty());
  Owner other(Owner::Start::later);
  CHECK_FALSE(other.connection->start_tunnel(other, "GET / HTTP", ""));
}

TEST_CASE("a tunnel's other side, too") {
  HeldClock clock;
  Deadlines deadlines(clock);
  std::string out;
  auto made = std::make_unique<MemoryTransport>();
  MemoryTransport& transport = *made;
  Http1ClientConnection connection(std::move(made), deadlines, out);
  REQUIRE(connection.resume_tunnel("early "));
  CHECK_FALSE(transport.reading);
  KeepingReceiver receiver;
  connection.start_body(receiver);
  CHECK(transport.reading);
  transport.arrive("late");
  CHECK(receiver.body == "early late");
  connection.write_body("up");
  CHECK(transport.written == "up");
  connection.end_body({});
  CHECK(transport.is_shut_down);
  transport.end();
  CHECK(receiver.ended);
  CHECK_FALSE(connection.finish_stream(connection));
}

}  // namespace
}  // namespace sluice::wire
