// The demo application over real sockets: well-behaved clients, and others.
#include "demo/test_tools.h"

namespace sluice::demo::test {
namespace {

TEST_CASE("a thousand pipelined requests in one write are answered in order") {
  App app;
  const auto peer = app.connect();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += get("/bytes/" + std::to_string(i));
  peer->send(requests + get("/hello", "Connection: close\r\n"));
  REQUIRE(peer->sees_the_end());
  CHECK(peer->ended_in_order());
  CHECK(peer->count("HTTP/1.1 200 OK\r\n") == 1001);
  CHECK(peer->received().ends_with("Hello World!\n"));
  size_t at = 0;
  for (int i = 0; i < 1000 && at != std::string::npos; ++i) {
    at = peer->received().find("Content-Length: " + std::to_string(i) + "\r\n", at);
  }
  CHECK(at != std::string::npos);
}

TEST_CASE("requests that pile up behind a slow one need no stack as deep") {
  App app;
  const auto peer = app.connect();
  std::string requests = get("/slow/20");
  for (int i = 0; i < 20'000; ++i) requests += get("/status/204");
  peer->send(requests + get("/hello", "Connection: close\r\n"));
  REQUIRE(peer->sees_the_end());
  CHECK(peer->received().starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(peer->count("HTTP/1.1 204 No Content\r\n") == 20'000);
  CHECK(peer->received().ends_with("Hello World!\n"));
}

TEST_CASE("what piles up behind a request without an answer stays with the client") {
  App app;
  app.ask(get("/control/ping/hang"));
  const auto peer = app.connect();
  peer->send(get("/ping") + std::string(kMuch, 'x'));
  app.settle();
  CHECK(peer->unsent_bytes() > 0);
}

TEST_CASE("a client that has ended its direction still gets every response whole") {
  App app;
  const auto all = app.ask(get("/slow/20") + get("/stream/3/1") + get(kMuchPath));
  CHECK(all.find("slow\n") != std::string::npos);
  CHECK(all.find("0\r\n\r\nHTTP/1.1 200 OK\r\n") != std::string::npos);
  CHECK(all.size() > kMuch);
  CHECK(all.substr(all.size() - kMuch) == std::string(kMuch, 'x'));
}

TEST_CASE("a client that goes away amid a response, or before it, harms no other") {
  App app;
  app.ask(get("/control/ping/hang"));
  for (const std::string path : {"/stream/1000000/1", "/slow/60000", "/ping"}) {
    const auto peer = app.connect();
    peer->send(get(path));
    app.ask(get("/hello"));
    peer->reset();
  }
  const auto amid = app.connect();
  amid->send(get(kMuchPath) + get(kMuchPath));
  CHECK(amid->receives_bytes(1000));
  amid->reset();
  CHECK(app.ask(get("/hello")).ends_with("Hello World!\n"));
  app.shutdown();
  CHECK(app.ends());  // Nothing of theirs is left.
}

TEST_CASE("a client that gives up a ping without answer is let go") {
  auto options = quick();
  options.idle = Duration{0};
  App app(std::move(options));
  app.ask(get("/control/ping/hang"));
  CHECK(app.ask(get("/ping")).empty());
}

TEST_CASE("a keep-alive connection without a request ends after the idle time") {
  auto options = quick();
  options.idle = Duration{20};
  App app(std::move(options));
  const auto never_asked = app.connect();
  const auto asked = app.connect();
  asked->send(get("/hello"));
  CHECK(asked->receives("Hello World!\n"));
  CHECK(asked->sees_the_end());
  CHECK(never_asked->sees_the_end());
}

TEST_CASE("a client that is slow to read, or to send, is not idle") {
  auto options = quick();
  options.idle = Duration{20};
  App app(std::move(options));
  const auto download = app.connect();
  download->send(get(kMuchPath));
  const auto upload = app.connect();
  upload->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  app.settle();
  CHECK(app.connect()->sees_the_end());  // So the time of an idle client is over.
  upload->send("67890");
  CHECK(upload->receives("1234567890"));
  CHECK(download->receives_bytes(kMuch));
}

TEST_CASE("a client that stops amid a request or a response is broken off in the end") {
  auto options = quick();
  options.idle = Duration{0};
  options.patience = Duration{50};
  App app(std::move(options));
  const auto upload = app.connect();
  upload->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  const auto head = app.connect();
  head->send("GET /hel");
  const auto download = app.connect();
  download->send(get(kMuchPath));
  CHECK(upload->sees_the_end());
  CHECK(head->sees_the_end());
  app.shutdown();
  CHECK(app.ends());  // The download, too, is over, of which nothing was ever read.
  CHECK(download->sees_the_end());
  CHECK_FALSE(download->ended_in_order());
  CHECK(download->received().size() < kMuch);
}

TEST_CASE("what cannot be read is answered, and ends its connection") {
  App app;
  CHECK(app.ask("no request at all\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
  const std::string chunked = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto bad_chunk = app.ask(chunked + "nonsense\r\n" + get("/hello"));
  CHECK(bad_chunk.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(bad_chunk.find("Connection: close\r\n") != std::string::npos);
  CHECK(bad_chunk.find("Hello") == std::string::npos);
}

TEST_CASE("a body that is too large is refused at its head, and the client sees that while it is sending") {
  App app;
  const auto peer = app.connect();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200000000\r\n";
  peer->send(head + "Expect: 100-continue\r\n\r\n");
  peer->send(std::string(kMuch, 'x'));
  CHECK(peer->receives("\r\n\r\nthe body is too large\n"));
  CHECK(peer->received().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("a client that asks first is invited to send its body") {
  App app;
  const auto peer = app.connect();
  peer->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(peer->receives("HTTP/1.1 100 Continue\r\n\r\n"));
  peer->send("hello");
  CHECK(peer->receives("\r\n\r\nhello"));
}

TEST_CASE("broken answers: nothing, the beginning of one, no HTTP; each ends in a reset") {
  App app;
  const auto ask = [&app](const std::string& path, std::string_view expected) {
    CAPTURE(path);
    const auto peer = app.connect();
    peer->send(get(path) + get("/hello"));
    CHECK(peer->sees_the_end());
    CHECK_FALSE(peer->ended_in_order());
    CHECK(peer->received().ends_with(expected));
  };
  ask("/abort", "");
  ask("/abort-midway", "only the beginning");
  ask("/garbage", "this is no HTTP at all\r\n\r\n");
}

}  // namespace
}  // namespace sluice::demo::test
