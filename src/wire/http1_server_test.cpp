// The client's side of HTTP/1, over an in-memory transport.
#include <atomic>

#include "wire/test_owner.h"

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

TEST_CASE("requests on one connection are handed over one at a time, in order") {
  Owner owner;
  owner.transport->arrive("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTT");
  CHECK(owner.targets == "/1 ");
  owner.answer();
  CHECK(owner.targets == "/1 /2 ");
  owner.answer();
  CHECK(owner.targets == "/1 /2 ");
  owner.transport->arrive("P/1.1\r\nHost: h\r\n\r\n");
  CHECK(owner.targets == "/1 /2 /3 ");
}

TEST_CASE("a pipelining client that is answered at once gets all answers, and what it piles up is bounded") {
  Owner owner;
  owner.answer_at_once = true;
  std::string many;
  for (int i = 0; i < 100; ++i) many += kGet;
  owner.transport->arrive(many);
  CHECK(owner.targets.size() == 200);
  owner.answer_at_once = false;
  owner.transport->arrive(kGet + std::string(20'000, 'G'));
  CHECK_FALSE(owner.transport->reading);
}

TEST_CASE("a connection rests from its begin and between requests, and the longest rest ends first") {
  Owner owner;
  std::atomic<int64_t> since{0};
  auto& resting = owner.context.resting;
  resting.show_at(since);
  const auto now = [&] { return owner.clock.now(); };
  owner.transport->arrive(kGet);
  CHECK(since == RestingConnections::kNone);
  CHECK_FALSE(resting.close_longest(now()));
  owner.pass(10);
  owner.answer();
  CHECK(since == now().time_since_epoch().count());
  owner.transport->arrive("GET / HT");
  CHECK_FALSE(resting.close_longest(now()));
  owner.transport->arrive("TP/1.1\r\nHost: h\r\n\r\n");
  owner.pass(10);
  owner.answer();
  CHECK_FALSE(resting.close_longest(now() - Duration{1}));
  CHECK_FALSE(owner.is_over);
  CHECK(resting.close_longest(now()));
  CHECK(owner.is_over);
  CHECK(since == RestingConnections::kNone);
}

TEST_CASE("a body goes to its receiver, what came with the head included") {
  Owner owner;
  KeepingReceiver receiver;
  owner.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
  owner.stream->start_body(receiver);
  CHECK(receiver.body == "hello");
  owner.stream->pause_body();
  owner.transport->arrive("wor");
  CHECK(receiver.body == "hello");
  CHECK_FALSE(owner.transport->reading);  // The client feels it.
  owner.stream->resume_body();
  CHECK(owner.transport->reading);
  owner.transport->arrive("ldGET /next");
  CHECK(receiver.body == "helloworld");
  CHECK(receiver.ended);
  CHECK(receiver.error == "");
}

TEST_CASE("a body without a receiver is read up to a bound, so that a client that leaves is noticed") {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhello";
  Owner owner;
  owner.transport->arrive(post);
  owner.transport->arrive("and more");
  REQUIRE(owner.transport->reading);
  SUBCASE("it leaves in order") {
    owner.transport->end();
    CHECK(owner.gone == "closed");
  }
  SUBCASE("it breaks off") {
    owner.transport->end(Error{.code = ErrorCode::reset, .message = ""});
    CHECK(owner.gone == "reset");
  }
  SUBCASE("beyond the bound the kernel knows") {
    owner.transport->hung_up = true;
    CHECK_FALSE(owner.stream->has_left());  // It is still read from: reading shows when it has left.
    owner.transport->arrive(std::string(20'000, 'x'));
    CHECK_FALSE(owner.transport->reading);
    CHECK_FALSE(owner.stream->has_left());  // It may have sent all of the body.
    owner.pass(101);
    CHECK(owner.transport->written == "H");
    owner.transport->broken = true;
    CHECK(owner.stream->has_left());
  }
  SUBCASE("nothing of it is lost") {
    KeepingReceiver receiver;
    owner.stream->start_body(receiver);
    CHECK(receiver.body == "helloand more");
    owner.stream->pause_body();
    owner.transport->arrive("!");
    CHECK_FALSE(owner.transport->reading);
    owner.stream->stop_body();  // An attempt has failed, and the next one may have to wait.
    CHECK(owner.transport->reading);
    owner.stream->start_body(receiver);
    CHECK(receiver.body == "helloand more!");
  }
}

TEST_CASE("a head and the first piece of its body leave in one write") {
  Owner owner;
  owner.transport->arrive(kGet);
  http::ResponseHead head;
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  REQUIRE(decoder.decode("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head, false));
  owner.stream->send_head(head, nullptr, Follows::body_at_once);
  CHECK_FALSE(owner.stream->is_committed());
  owner.stream->write_body("hello");
  CHECK(owner.stream->is_committed());
  CHECK(owner.transport->writes == 1);
  CHECK(owner.transport->written.starts_with("HTTP/1.1 200 OK\r\nDate: "));
  CHECK(owner.transport->written.ends_with(" GMT\r\nVia: 1.1 sluice\r\nContent-Length: 5\r\n\r\nhello"));
  owner.stream->end_body({});
  owner.stream->finish();
  CHECK(owner.transport->writes == 1);
}

TEST_CASE("answers of our own have a Date, also those to what was no request") {
  for (const std::string& sent :
       {kGet, std::string("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("GET / HTTP/1.0\r\nHost: h\r\n\r\n"), std::string("nonsense\r\n\r\n")}) {
    CAPTURE(sent);
    Owner owner;
    owner.answer_at_once = true;
    owner.transport->arrive(sent);
    const std::string written = owner.is_over ? owner.written : owner.transport->written;
    const size_t begin = written.find("\r\nDate: ");
    REQUIRE(begin != std::string::npos);
    CHECK(written.find(" GMT\r\n", begin) == begin + 33);
    CHECK(written.find("\r\nDate: ", begin + 1) == std::string::npos);
  }
}

TEST_CASE("a response without a known end is chunked, and ends with the last chunk") {
  Owner owner;
  owner.transport->arrive(kGet);
  http::ResponseHead head;
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  REQUIRE(decoder.decode("HTTP/1.1 200 OK\r\n\r\n", head, false));
  owner.stream->send_head(head, nullptr, Follows::nothing_yet);
  owner.stream->write_body("0123456789abcdef");
  owner.stream->end_body({});
  CHECK(owner.transport->written.ends_with(
      "Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
}

TEST_CASE("after an answer to what was no request the connection lingers, then ends") {
  Owner owner;
  owner.transport->arrive("nonsense\r\n\r\n");
  CHECK(owner.bad_status == 400);
  CHECK(owner.transport->written.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(owner.transport->written.find("Connection: close\r\n") != std::string::npos);
  CHECK(owner.transport->is_shut_down);
  owner.transport->arrive("more nonsense");
  CHECK_FALSE(owner.is_over);
  owner.pass(2001);
  CHECK(owner.is_over);
}

TEST_CASE(
    "a last answer that a client is slow to take leaves whole, also when the client has ended its "
    "direction") {
  Owner owner;
  owner.transport->blocked = true;
  owner.transport->arrive("nonsense\r\n\r\n");
  CHECK(owner.transport->is_shut_down);
  bool ends_first = false;
  SUBCASE("and that has") {
    ends_first = true;
  }
  SUBCASE("and that has not") {}
  owner.pass(5000);
  if (ends_first) owner.transport->end();
  CHECK_FALSE(owner.is_over);
  owner.transport->unblock();
  CHECK(owner.is_over == ends_first);
  owner.pass(2001);
  CHECK(owner.is_over);
  CHECK_FALSE(owner.resets);
}

TEST_CASE("a last answer that a client never takes ends by a reset") {
  Owner owner;
  owner.transport->blocked = true;
  owner.transport->arrive("nonsense\r\n\r\n");
  owner.pass(20'001);
  CHECK(owner.is_over);
  CHECK(owner.resets);
}

TEST_CASE("an answer given before the body has come is followed by no other request") {
  Owner owner;
  owner.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhel");
  owner.answer();
  owner.transport->arrive("loworGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(owner.targets == "/ ");
}

TEST_CASE("an idle client is let go, a dribbling head is answered 408, and a silent body too") {
  Owner idle;
  idle.pass(59'999);
  CHECK_FALSE(idle.is_over);
  idle.pass(2);
  CHECK(idle.is_over);

  Owner dribbling;
  dribbling.transport->arrive("GET /");
  for (int i = 0; i < 9; ++i) {
    dribbling.pass(1000);
    dribbling.transport->arrive("x");
  }
  CHECK(dribbling.bad_status == 0);
  dribbling.pass(1001);
  CHECK(dribbling.bad_status == 408);

  Owner silent;
  KeepingReceiver receiver;
  silent.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  silent.stream->start_body(receiver);
  silent.pass(30'001);
  CHECK(receiver.error == "the request's body took too long");
}

TEST_CASE("a client that takes nothing is given up") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.transport->blocked = true;
  owner.stream->send_reply({.status = 404, .explanation = "x"});
  const Wait wait = owner.stream->when_writable([](Result<void>) {});
  owner.pass(20'001);
  CHECK(owner.gone == "timed_out");
}

TEST_CASE("a client that leaves in the middle of an exchange is reported, and an abort is a reset") {
  Owner owner;
  owner.transport->arrive(kGet);
  owner.transport->end(Error{.code = ErrorCode::reset, .message = ""});
  CHECK(owner.gone == "reset");
  owner.stream->abort();
  CHECK(owner.is_over);
  CHECK(owner.resets);
}

TEST_CASE("a connection that is to end does so with its response, or when nothing is asked for") {
  Owner asked;
  asked.connection->retire(Duration{500});
  asked.transport->arrive(kGet);
  asked.stream->send_reply({.status = 404, .explanation = "x"});
  CHECK(asked.transport->written.find("Connection: close\r\n") != std::string::npos);
  asked.stream->finish();
  asked.transport->end();  // The client, which meant to stay, is given the time to read that.
  CHECK(asked.is_over);
  Owner quiet;
  quiet.connection->retire(Duration{500});
  quiet.pass(501);
  CHECK(quiet.is_over);
}

TEST_CASE("a body over the limit is refused, at once when its length says so") {
  Owner known;
  known.context.settings.body_bytes = 5;
  known.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
  CHECK(known.bad_status == 413);
  Owner chunked;
  chunked.context.settings.body_bytes = 5;
  KeepingReceiver receiver;
  chunked.transport->arrive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.stream->start_body(receiver);
  chunked.transport->arrive("6\r\nhellos\r\n");
  CHECK(receiver.error == "the request body is over the limit");
}

}  // namespace
}  // namespace sluice::wire
