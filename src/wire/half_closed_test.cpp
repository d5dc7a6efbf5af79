// A client that ends its direction behind its request, over an in-memory transport.
#include "wire/test_owner.h"

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

const std::string kWholePost = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
const std::string kChunked = "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_CASE("a client that has said all gets its answer, and then its connection ends") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.transport->end();
  CHECK(owner.gone.empty());
  owner.answer();
  CHECK(owner.is_over);
  CHECK_FALSE(owner.resets);
}

TEST_CASE("requests before the end are answered one after the other, the last one with Connection: close") {
  Owner owner;
  owner.transport->arrive("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  owner.transport->end();
  owner.stream->send_reply({.status = 404, .explanation = "x"});
  CHECK(owner.transport->written.find("Connection: close") == std::string::npos);
  owner.stream->finish();
  CHECK(owner.targets == "/1 /2 ");
  CHECK_FALSE(owner.is_over);
  owner.stream->send_reply({.status = 404, .explanation = "x"});
  CHECK(owner.transport->written.find("Connection: close") != std::string::npos);
  owner.stream->finish();
  CHECK(owner.is_over);
}

TEST_CASE("a stop does not wait for a client that has ended its direction, whatever it had sent before") {
  Owner owner;
  owner.transport->arrive("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  owner.transport->end();
  owner.connection->retire(Duration::zero());
  owner.answer();
  CHECK(owner.is_over);
  CHECK_FALSE(owner.resets);
}

TEST_CASE("half a head behind the last request is no request") {
  Owner owner;
  owner.transport->arrive(kGet + "GET /2 HT");
  owner.transport->end();
  owner.answer();
  CHECK(owner.targets == "/ ");
  CHECK(owner.is_over);
}

TEST_CASE("a body that no receiver has taken yet counts as received when it is whole, and else as cut") {
  struct Case {
    std::string request;
    std::string gone;
  };
  for (const auto& [request, gone] :
       {Case{kWholePost + "hello", ""}, Case{kWholePost + "hell", "closed"}, Case{kWholePost, "closed"},
        Case{kChunked + "2\r\nhi\r\n0\r\n\r\n", ""}, Case{kChunked + "2\r\nhi\r\n0\r\n", "closed"},
        Case{kChunked + "2\r\nhi\r\n0\r\nA: b\r\n\r\n", ""}, Case{kWholePost + "helloGET / HT", ""}}) {
    CAPTURE(request);
    Owner owner;
    owner.transport->arrive(request);
    owner.transport->end();
    CHECK(owner.gone == gone);
    if (!gone.empty()) continue;
    KeepingReceiver receiver;
    owner.stream->start_body(receiver);
    CHECK(receiver.ended);
    CHECK(receiver.error == "");
    owner.answer();
    CHECK(owner.is_over);
  }
}

TEST_CASE("of pipelined requests the end cuts only the incomplete one") {
  Owner owner;
  owner.transport->arrive(kGet + kWholePost + "hell");
  owner.transport->end();
  CHECK(owner.gone.empty());
  owner.answer();
  CHECK(owner.targets == "/ /p ");
  CHECK(owner.gone == "closed");
}

TEST_CASE("an answer that is long in coming begins early, so that a client that has left is heard of") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.transport->end();
  owner.pass(101);
  CHECK(owner.transport->written == "H");
  CHECK_FALSE(owner.stream->is_committed());
  SUBCASE("it waits") {
    owner.pass(101);
    owner.pass(301);
    CHECK(owner.transport->written == "HTT");
    owner.answer();
    CHECK(owner.is_over);
    CHECK(owner.gone.empty());
  }
  SUBCASE("it has left") {
    owner.transport->broken = true;
    owner.pass(101);
    CHECK(owner.gone == "closed");
  }
  SUBCASE("the bytes are not sent twice, of an interim head either") {
    owner.stream->send_interim(owner.response("HTTP/1.1 103 Early Hints\r\n\r\n"), nullptr);
    CHECK(owner.transport->written == "HTTP/1.1 103 Early Hints\r\n\r\n");
    owner.pass(1'000);
    owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), nullptr,
                            Follows::nothing_yet);
    owner.pass(10'000);
    CHECK(owner.transport->written.starts_with("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nDate: "));
    CHECK(owner.transport->written.ends_with(
        " GMT\r\nVia: 1.1 sluice\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  }
  SUBCASE("however long it takes, it is no more than the first nine bytes") {
    for (int i = 0; i < 20; ++i) owner.pass(10'000'000);
    CHECK(owner.transport->written == "HTTP/1.1 ");
    owner.stream->send_reply({.status = 404, .explanation = "x"});
    CHECK(owner.transport->written.starts_with("HTTP/1.1 404 Not Found\r\n"));
  }
}

TEST_CASE(
    "a client that ends its direction within an answer reads on while it flows, and has left when it is "
    "silent") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\n\r\n"), nullptr, Follows::nothing_yet);
  owner.transport->end();
  for (int i = 0; i < 5; ++i) {
    owner.pass(400);
    owner.stream->write_body("more");
  }
  owner.pass(400);
  CHECK(owner.gone.empty());
  owner.pass(101);
  owner.pass(501);
  CHECK(owner.gone == "closed");
}

TEST_CASE(
    "the next of two pipelined requests may take its time, though the end came within the answer to the "
    "first") {
  Owner owner;
  owner.transport->arrive(kGet + kWholePost + "hello");
  owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), nullptr,
                          Follows::nothing_yet);
  owner.transport->end();
  owner.stream->write_body("x");
  owner.stream->end_body({});
  owner.stream->finish();
  CHECK(owner.targets == "/ /p ");
  owner.pass(60'000);
  CHECK(owner.gone.empty());
}

TEST_CASE(
    "a 101 to a client that has ended its direction comes once, and nothing is sent ahead in its tunnel") {
  Owner owner;
  owner.transport->arrive("GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  owner.transport->end();
  owner.pass(101);
  CHECK(owner.transport->written == "H");
  owner.stream->switch_protocols(
      owner.response("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
      nullptr);
  const std::string head = owner.transport->written;
  CHECK(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  for (int i = 0; i < 100; ++i) owner.pass(10'000);
  CHECK_FALSE(owner.stream->has_left());
  CHECK(owner.transport->written == head);
  CHECK(owner.gone.empty());
}

TEST_CASE("whether a client has left can be asked within an answer, which stays as it is") {
  Owner owner;
  owner.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" +
                          std::string(20'000, 'x'));
  CHECK_FALSE(owner.transport->reading);
  owner.transport->hung_up = true;
  owner.stream->send_head(owner.response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), nullptr,
                          Follows::nothing_yet);
  const std::string head = owner.transport->written;
  CHECK_FALSE(owner.stream->has_left());
  owner.pass(1000);
  CHECK(owner.transport->written == head);
  owner.transport->broken = true;
  CHECK(owner.stream->has_left());
}

}  // namespace
}  // namespace sluice::wire
