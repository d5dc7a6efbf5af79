#include "demo/request_reader.h"

#include <doctest/doctest.h>

namespace sluice::demo {
namespace {

using Event = RequestReader::Event;

Event next(RequestReader& reader) {
  const auto event = reader.next();
  REQUIRE(event);
  return *event;
}

const std::string kPost = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

TEST_CASE("requests are read one after the other, however their bytes come") {
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}}) {
    CAPTURE(piece);
    RequestReader reader;
    size_t requests = 0;
    const std::string input = kPost + kPost + kPost;
    for (size_t at = 0; at < input.size(); at += piece) {
      reader.add(std::string_view(input).substr(at, piece));
      for (Event event = next(reader); event != Event::none; event = next(reader)) {
        CHECK(reader.head().path() == "/echo");
        if (event == Event::head) continue;
        ++requests;
        CHECK(reader.take_body() == "hello");
      }
    }
    CHECK(requests == 3);
    CHECK(reader.waiting_bytes() == 0);
    CHECK_FALSE(reader.is_amid_request());
  }
}

TEST_CASE("it is amid a request from the first byte of its head to the last of its body") {
  RequestReader reader;
  CHECK_FALSE(reader.is_amid_request());
  reader.add("\r\n");  // Blank lines before a request are none of it.
  CHECK(next(reader) == Event::none);
  CHECK_FALSE(reader.is_amid_request());
  reader.add(kPost.substr(0, 1));
  CHECK(next(reader) == Event::none);
  CHECK(reader.is_amid_request());
  reader.add(kPost.substr(1, kPost.size() - 2));
  CHECK(next(reader) == Event::head);
  CHECK(next(reader) == Event::none);
  CHECK(reader.is_amid_request());
  reader.add("o");
  CHECK(next(reader) == Event::request);
  CHECK_FALSE(reader.is_amid_request());
}

TEST_CASE("only a path that wants the body keeps it") {
  RequestReader reader;
  reader.add("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(next(reader) == Event::head);
  CHECK(next(reader) == Event::request);
  CHECK(reader.take_body().empty());
}

TEST_CASE("what is too large or malformed is an error with the status that answers it") {
  const auto status_of = [](std::string_view input) {
    RequestReader reader;
    reader.add(input);
    while (true) {
      const auto event = reader.next();
      if (!event) return event.error().status;
      if (*event == Event::none) return 0;
    }
  };
  CHECK(status_of("no request at all\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(40'000, 'x')) == 431);
  CHECK(status_of("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 134217729\r\n\r\n") == 413);
  CHECK(status_of("POST /else HTTP/1.1\r\nHost: h\r\nContent-Length: 134217729\r\n\r\n") == 0);
}

TEST_CASE("a chunked body that is too large is refused when it becomes so") {
  RequestReader reader;
  reader.add("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(next(reader) == Event::head);
  const size_t size = size_t{1} << 20;
  const std::string chunk = "100000\r\n" + std::string(size, 'c') + "\r\n";
  for (size_t sent = 0; sent < RequestReader::kMostBody; sent += size) {
    reader.add(chunk);
    REQUIRE(reader.next());
  }
  reader.add("1\r\nc");
  const auto event = reader.next();
  REQUIRE_FALSE(event);
  CHECK(event.error().status == 413);
}

}  // namespace
}  // namespace sluice::demo
