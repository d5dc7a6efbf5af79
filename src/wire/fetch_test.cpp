// What a fetch reports of its answer.
#include <string>

#include "wire/test_fetch.h"

namespace sluice::wire {
namespace {

TEST_CASE("a fetch sends its request, and reports the head of the answer, its body and its end") {
  Fetching fetching;
  CHECK(fetching.transport->written == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(fetching.transport->writes == 1);
  fetching.transport->arrive("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhe");
  CHECK(fetching.status == 404);
  CHECK(fetching.body == "he");
  CHECK(fetching.end == "");
  fetching.transport->arrive("llo");
  CHECK(fetching.body == "hello");
  CHECK(fetching.end == "whole");
}

TEST_CASE("an answer is the same by whatever framing it comes, and wherever it is cut") {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const std::string chunks = "3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nX-Trailer: c\r\n\r\n";
  for (const std::string& answer :
       {ok_head(5) + "hello", kChunkedAnswer + chunks, std::string("HTTP/1.1 200 OK\r\n\r\nhello"),
        early + early + kChunkedAnswer + chunks}) {
    for (size_t cut = 0; cut <= answer.size(); ++cut) {
      CAPTURE(answer);
      CAPTURE(cut);
      Fetching fetching;
      if (cut == 0) {
        fetching.arrive_bytewise(answer);
      } else {
        fetching.transport->arrive(answer.substr(0, cut));
        if (cut < answer.size()) fetching.transport->arrive(answer.substr(cut));
      }
      CHECK(fetching.body == "hello");
      CHECK(fetching.heads == 1);
      CHECK(fetching.status == 200);
      if (fetching.end.empty()) {
        CHECK(answer == "HTTP/1.1 200 OK\r\n\r\nhello");
        fetching.transport->end();
      }
      CHECK(fetching.end == "whole");
      CHECK(fetching.ends == 1);
    }
  }
}

TEST_CASE("an answer without a body ends with its head") {
  for (const std::string& answer : {ok_head(0), std::string("HTTP/1.1 204 No Content\r\n\r\n"),
                                    std::string("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n")}) {
    Fetching fetching;
    fetching.transport->arrive(answer);
    CHECK(fetching.heads == 1);
    CHECK(fetching.end == "whole");
  }
}

TEST_CASE("interim heads are no answer") {
  Fetching fetching;
  fetching.transport->arrive("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(fetching.heads == 0);
  fetching.transport->end();
  CHECK(fetching.heads == 0);
  CHECK(fetching.end == "closed without an answer");
  CHECK(fetching.code == "closed");
}

TEST_CASE("what is no HTTP ends a fetch with what is wrong with it, behind the body that came before") {
  Fetching other;
  other.transport->arrive("220 smtp\r\n");
  CHECK(other.end.starts_with("malformed answer: "));
  CHECK(other.code == "malformed");
  CHECK(other.heads == 0);
  Fetching cut;
  cut.transport->arrive(kChunkedAnswer + "2\r\nok\r\nzz\r\n");
  CHECK(cut.status == 200);
  CHECK(cut.body == "ok");
  CHECK(cut.end.starts_with("malformed body: "));
  CHECK(cut.code == "malformed");
  // Nothing that follows is read as an answer.
  cut.transport->arrive(ok_head(2) + "ok");
  CHECK(cut.heads == 1);
  CHECK(cut.ends == 1);
  cut.pass(static_cast<int>(kFetchTime.count()));
  CHECK(cut.closed == "reset");
}

TEST_CASE("a head beyond the limits ends a fetch") {
  const FetchLimits limits{.time = kFetchTime, .head = {.bytes = 1000, .fields = 10}};
  Fetching within(limits);
  within.transport->arrive("HTTP/1.1 200 OK\r\nA: " + std::string(800, 'x') +
                           "\r\nContent-Length: 0\r\n\r\n");
  CHECK(within.end == "whole");
  Fetching beyond(limits);
  beyond.transport->arrive("HTTP/1.1 200 OK\r\nA: " + std::string(1000, 'x'));
  CHECK(beyond.end.starts_with("malformed answer: "));
  CHECK(beyond.code == "too_large");
  CHECK(beyond.heads == 0);
}

TEST_CASE("a body beyond the limit ends a fetch, and the rest of the answer is read all the same") {
  const FetchLimits limits{.time = kFetchTime, .body = 5};
  Fetching within(limits);
  within.transport->arrive(ok_head(5) + "hello");
  CHECK(within.end == "whole");
  Fetching beyond(limits);
  beyond.transport->arrive(kChunkedAnswer + "5\r\nhello\r\n");
  CHECK(beyond.end == "");
  beyond.transport->arrive("1\r\n!\r\n");
  CHECK(beyond.body == "hello");
  CHECK(beyond.end == "a body of more than 5 bytes");
  CHECK(beyond.code == "too_large");
  CHECK(beyond.closed == "");
  beyond.transport->arrive("0\r\n\r\n");
  beyond.pass(100);
  CHECK(beyond.closed == "in order");
}

TEST_CASE("a server that closes too early ends a fetch, and its connection at once") {
  const std::string answer = ok_head(5) + "hello";
  for (size_t cut = 0; cut < answer.size(); ++cut) {
    CAPTURE(cut);
    Fetching fetching;
    if (cut > 0) fetching.transport->arrive(answer.substr(0, cut));
    bool was_open = false;
    fetching.at_end = [&] { was_open = fetching.closed.empty(); };
    fetching.transport->end();
    const bool has_head = cut >= answer.size() - 5;
    CHECK(fetching.end == (has_head ? "closed in the middle of the body" : "closed without an answer"));
    CHECK(fetching.code == "closed");
    CHECK(was_open);
    CHECK(fetching.closed == "in order");
    CHECK(fetching.lingering->size() == 0);
  }
  Fetching chunked;
  chunked.transport->arrive(kChunkedAnswer + "5\r\nhello\r\n");
  chunked.transport->end();
  CHECK(chunked.end == "closed in the middle of the body");
}

TEST_CASE("a connection that breaks ends a fetch with the transport's error, whatever has come") {
  for (const std::string& begun :
       {std::string("HTTP/1.1 2"), ok_head(5) + "hel", std::string("HTTP/1.1 200 OK\r\n\r\nhel")}) {
    Fetching fetching;
    fetching.transport->arrive(begun);
    fetching.transport->end(Error{.code = ErrorCode::reset, .message = "connection reset by peer"});
    CHECK(fetching.end == "connection reset by peer");
    CHECK(fetching.code == "reset");
    CHECK(fetching.closed == "without an end");
    CHECK(fetching.lingering->size() == 0);
  }
}

TEST_CASE(
    "the time of a fetch is for connecting and the answer together, and a connection is reset at its end") {
  Fetching never_connected({.time = Duration{50}}, Fetching::Connection::none_yet);
  never_connected.pass(49);
  CHECK(never_connected.end == "");
  never_connected.pass(1);
  CHECK(never_connected.end == "timed out after 50ms");
  CHECK(never_connected.code == "timed_out");
  for (const std::string& begun : {std::string(), std::string("HTTP/1.1 2"), ok_head(5) + "hell"}) {
    Fetching fetching({.time = Duration{50}}, Fetching::Connection::none_yet);
    fetching.pass(30);
    fetching.start();
    if (!begun.empty()) fetching.transport->arrive(begun);
    fetching.pass(19);
    CHECK(fetching.end == "");
    fetching.pass(1);
    CHECK(fetching.end == "timed out after 50ms");
    CHECK(fetching.code == "timed_out");
    CHECK(fetching.closed == "reset");
    CHECK(fetching.lingering->size() == 0);
  }
}

}  // namespace
}  // namespace sluice::wire
