#include "demo/response.h"

#include <doctest/doctest.h>

namespace sluice::demo {
namespace {

struct Sent {
  std::string bytes;
  size_t parts = 0;
  size_t largest = 0;
  Duration paused{};
  Response::End end{};
};

Sent send(Answer answer, Response::Terms terms = {}) {
  Response response(std::move(answer), terms, "v7");
  Sent sent;
  while (!response.is_done()) {
    const auto part = response.next();
    sent.bytes += part.bytes;
    ++sent.parts;
    sent.largest = std::max(sent.largest, part.bytes.size());
    sent.paused += part.pause;
  }
  sent.end = response.end();
  return sent;
}

TEST_CASE("a small response is one part") {
  const auto sent = send({.body = "hi\n"});
  CHECK(sent.bytes ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nX-Version: v7\r\n\r\nhi\n");
  CHECK(sent.parts == 1);
  CHECK(sent.end == Response::End::keep_alive);
}

TEST_CASE("a large response comes in parts of bounded size: the body, then the filler") {
  const size_t size = 200'000;
  std::string body;
  for (size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i % 23);
  const auto sent = send({.body = body, .filler_bytes = 100'000});
  CHECK(sent.bytes.substr(sent.bytes.find("\r\n\r\n") + 4) == body + std::string(100'000, 'x'));
  CHECK(sent.bytes.find("Content-Length: 300000\r\n") != std::string::npos);
  CHECK(sent.largest < 70'000);
}

TEST_CASE("the last response of a connection says so, and one for HTTP/1.0 says when it is not") {
  CHECK(send({}, {.close = true}).bytes.find("Connection: close\r\n") != std::string::npos);
  CHECK(send({}, {.close = true}).end == Response::End::close);
  CHECK(send({}, {.to_http_1_0 = true}).bytes.find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK(send({}).bytes.find("Connection") == std::string::npos);
}

TEST_CASE("no body follows a response to HEAD, nor one of a status that has none") {
  const auto ends_with_head = [](const Sent& sent) {
    return sent.bytes.find("\r\n\r\n") == sent.bytes.size() - 4;
  };
  const auto head = send({.body = "hi\n"}, {.to_head = true});
  CHECK(ends_with_head(head));
  CHECK(head.bytes.find("Content-Length: 3\r\n") != std::string::npos);
  CHECK(ends_with_head(send({.kind = Answer::Kind::stream, .chunks = 3}, {.to_head = true})));
  CHECK(ends_with_head(send({.status = 304, .body = "hi\n"})));
  CHECK(ends_with_head(send({.status = 205, .body = "hi\n"})));
  CHECK(send({.status = 204, .body = "hi\n"}).bytes.find("Content-Length") == std::string::npos);
}

TEST_CASE("a stream is chunked, with a pause behind every chunk") {
  const auto sent = send({.kind = Answer::Kind::stream, .chunks = 2, .chunk_every = Duration{5}});
  CHECK(sent.bytes.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(sent.bytes.ends_with("\r\n\r\n6\r\nchunk\n\r\n6\r\nchunk\n\r\n0\r\n\r\n"));
  CHECK(sent.paused == Duration{10});
  CHECK(send({.kind = Answer::Kind::stream}).bytes.ends_with("\r\n\r\n0\r\n\r\n"));
}

TEST_CASE("a stream to HTTP/1.0 has no chunks and ends with its connection") {
  const auto sent = send({.kind = Answer::Kind::stream, .chunks = 2}, {.to_http_1_0 = true});
  CHECK(sent.bytes.find("Transfer-Encoding") == std::string::npos);
  CHECK(sent.bytes.find("Connection: close\r\n") != std::string::npos);
  CHECK(sent.bytes.ends_with("\r\n\r\nchunk\nchunk\n"));
  CHECK(sent.end == Response::End::close);
}

TEST_CASE("what is broken is sent as it is, then the connection is reset") {
  const auto garbage = send({.kind = Answer::Kind::broken, .body = "no HTTP"});
  CHECK(garbage.bytes == "no HTTP");
  CHECK(garbage.paused > Duration::zero());
  CHECK(garbage.end == Response::End::reset);
  CHECK(send({.kind = Answer::Kind::broken}).parts == 0);
}

}  // namespace
}  // namespace sluice::demo
