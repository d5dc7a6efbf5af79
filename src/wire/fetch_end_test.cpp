// What becomes of the connection of a fetch that is over, or that was dropped.
#include <functional>
#include <string>
#include <vector>

#include "wire/test_fetch.h"

namespace sluice::wire {
namespace {

/// Beginnings of an answer, none of them all of it.
std::vector<std::string> beginnings() {
  return {"",
          "HTTP/1.1 2",
          ok_head(5),
          ok_head(5) + "hell",
          kChunkedAnswer + "5\r\nhello\r\n0\r\n",
          "HTTP/1.1 200 OK\r\n\r\nhello"};
}

TEST_CASE("the answer to a fetch that is dropped in its middle is read on, unseen, until the server closes") {
  for (const std::string& begun : beginnings()) {
    CAPTURE(begun);
    Fetching fetching;
    if (!begun.empty()) fetching.transport->arrive(begun);
    const std::string body = fetching.body;
    const int heads = fetching.heads;
    fetching.fetch.reset();
    CHECK(fetching.lingering->size() == 1);
    CHECK(fetching.closed == "");
    fetching.transport->arrive(begun.empty() ? "HTTP/1.1 200 OK\r\n\r\nhello" : "x");
    CHECK(fetching.closed == "");
    fetching.transport->end();
    CHECK(fetching.closed == "in order");
    CHECK(fetching.lingering->size() == 0);
    CHECK(fetching.body == body);
    CHECK(fetching.heads == heads);
    CHECK(fetching.ends == 0);
  }
}

TEST_CASE("a connection that lingers and breaks is closed") {
  Fetching fetching;
  fetching.fetch.reset();
  fetching.transport->end(Error{.code = ErrorCode::reset, .message = "connection reset by peer"});
  CHECK(fetching.closed == "without an end");
  CHECK(fetching.lingering->size() == 0);
  CHECK(fetching.ends == 0);
}

TEST_CASE("a server whose answer has not ended at the end of the time is reset") {
  for (const std::string& begun : beginnings()) {
    CAPTURE(begun);
    Fetching fetching;
    if (!begun.empty()) fetching.transport->arrive(begun);
    fetching.fetch.reset();
    fetching.pass(static_cast<int>(kFetchTime.count()) - 1);
    CHECK(fetching.closed == "");
    fetching.pass(1);
    CHECK(fetching.closed == "reset");
    CHECK(fetching.lingering->size() == 0);
    CHECK(fetching.ends == 0);
  }
}

TEST_CASE("a server that keeps the connection behind a whole answer has it closed in order, a moment later") {
  Fetching whole;
  whole.transport->arrive(ok_head(2) + "ok");
  CHECK(whole.lingering->size() == 1);  // The fetch is over, whether or not it is dropped.
  whole.pass(50);
  whole.transport->arrive("more");  // Nothing that follows counts, or lengthens the moment.
  CHECK(whole.ends == 1);
  CHECK(whole.body == "ok");
  whole.pass(49);
  CHECK(whole.closed == "");
  whole.pass(1);
  CHECK(whole.closed == "in order");
  CHECK(whole.lingering->size() == 0);

  Fetching dropped;
  dropped.transport->arrive(ok_head(2) + "o");
  dropped.fetch.reset();
  dropped.pass(1000);
  CHECK(dropped.closed == "");
  dropped.transport->arrive("k");
  dropped.pass(100);
  CHECK(dropped.closed == "in order");

  Fetching short_of_time({.time = Duration{50}});
  short_of_time.transport->arrive(ok_head(2) + "ok");
  short_of_time.pass(50);
  CHECK(short_of_time.closed == "in order");
}

TEST_CASE("a server that closes behind its answer is answered at once") {
  Fetching fetching;
  fetching.transport->arrive(ok_head(2) + "ok");
  fetching.transport->end();
  CHECK(fetching.closed == "in order");
  CHECK(fetching.ends == 1);
  fetching.pass(static_cast<int>(kFetchTime.count()));
  CHECK(fetching.ends == 1);
}

TEST_CASE("a server that does not stop writing is reset") {
  Fetching fetching;
  fetching.transport->arrive("HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'x'));
  fetching.fetch.reset();
  const std::string piece(Fetch::kMostLingering / 16, 'x');
  for (int i = 0; i < 16; ++i) fetching.transport->arrive(piece);
  CHECK(fetching.closed == "");
  fetching.transport->arrive("x");
  CHECK(fetching.closed == "reset");
  CHECK(fetching.lingering->size() == 0);
}

TEST_CASE("a fetch that is dropped before it had a connection is gone") {
  Fetching fetching({.time = kFetchTime}, Fetching::Connection::none_yet);
  fetching.fetch.reset();
  CHECK(fetching.lingering->size() == 0);
  fetching.pass(static_cast<int>(kFetchTime.count()));
  CHECK(fetching.ends == 0);
}

// ---- handlers that drop it

TEST_CASE("a handler may drop the fetch: nothing more is reported, and where the answer ends still counts") {
  Fetching at_head;
  at_head.at_head = [&] { at_head.fetch.reset(); };
  at_head.transport->arrive(kChunkedAnswer + "2\r\nok\r\n0\r\n\r\n");
  CHECK(at_head.heads == 1);
  CHECK(at_head.body == "");
  CHECK(at_head.ends == 0);
  at_head.pass(100);
  CHECK(at_head.closed == "in order");

  Fetching at_body;
  at_body.at_body = [&] { at_body.fetch.reset(); };
  at_body.transport->arrive(kChunkedAnswer + "2\r\nok\r\n2\r\nok\r\nzz");
  CHECK(at_body.body == "ok");
  CHECK(at_body.ends == 0);
  at_body.pass(100);
  CHECK(at_body.closed == "");  // What was malformed has no end to wait for.
  at_body.transport->end();
  CHECK(at_body.closed == "in order");

  Fetching at_end;
  at_end.at_end = [&] { at_end.fetch.reset(); };
  at_end.transport->arrive(ok_head(2) + "ok");
  CHECK(at_end.lingering->size() == 1);
  at_end.transport->end();
  CHECK(at_end.closed == "in order");
}

TEST_CASE("a handler may drop the fetch together with what its connection would linger in") {
  using At = std::function<void()> Fetching::*;
  for (const At at : {&Fetching::at_head, &Fetching::at_body, &Fetching::at_end}) {
    for (const std::string& answer : {ok_head(2) + "ok", kChunkedAnswer + "2\r\nok\r\n2\r\nok\r\nzz"}) {
      Fetching fetching;
      fetching.*at = [&] {
        fetching.fetch.reset();
        fetching.lingering.reset();
      };
      fetching.transport->arrive(answer);
      CHECK(fetching.closed == "without an end");
    }
  }
  Fetching timed_out;
  timed_out.at_end = [&] {
    timed_out.fetch.reset();
    timed_out.lingering.reset();
  };
  timed_out.pass(static_cast<int>(kFetchTime.count()));
  CHECK(timed_out.closed == "reset");
}

}  // namespace
}  // namespace sluice::wire
