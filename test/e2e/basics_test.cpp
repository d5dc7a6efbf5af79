// What a proxy does on a quiet day.
#include <sys/socket.h>

#include <csignal>

#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"
#include "unanswered.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("a request reaches a backend, and the response the client [tsan]") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  RawClient client(proxy.port());
  const auto response = client.get("/hello");
  CHECK(response.status == 200);
  CHECK(response.body == "Hello World!\n");
  CHECK(response.head.find("X-Version: v1\r\n") != std::string::npos);
  CHECK(response.head.find("Via: 1.1 sluice\r\n") != std::string::npos);
}

TEST_CASE("one connection carries many requests, of every kind") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  RawClient client(proxy.port());
  for (int i = 0; i < 50; ++i) {
    REQUIRE(client.get("/hello").body == "Hello World!\n");
    REQUIRE(client.post("/echo", std::string(static_cast<size_t>(i) * 1000, 'e')).body.size() ==
            static_cast<size_t>(i) * 1000);
    REQUIRE(client.get("/stream/3/1").body == "chunk\nchunk\nchunk\n");
    REQUIRE(client.get("/status/204").status == 204);
  }
  client.send("HEAD /bytes/1234 HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto head = client.receive(true);
  CHECK(head.head.find("Content-Length: 1234\r\n") != std::string::npos);
  CHECK(client.get("/hello").ok());
}

TEST_CASE("a chunked request body arrives whole") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  RawClient client(proxy.port());
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("5\r\nhello\r\n");
  client.send("7;name=value\r\n, world\r\n0\r\nTrailer: x\r\n\r\n");
  CHECK(client.receive().body == "hello, world");
  CHECK(client.get("/hello").ok());
}

TEST_CASE("pipelined requests are answered in order") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  RawClient client(proxy.port());
  std::string requests;
  for (int i = 1; i <= 20; ++i) {
    requests += i % 3 == 0 ? post_request("/echo", std::string(static_cast<size_t>(i), 'x'))
                           : get_request("/bytes/" + std::to_string(i));
  }
  client.send(requests);
  for (size_t i = 1; i <= 20; ++i) {
    const auto response = client.receive();
    REQUIRE(response.ok());
    CHECK(response.body.size() == i);
  }
}

TEST_CASE("HTTP/1.0 clients are served, with and without keep-alive") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  RawClient closing(proxy.port());
  closing.send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK(closing.receive_all().find("Hello World!") != std::string::npos);
  RawClient keeping(proxy.port());
  for (int i = 0; i < 3; ++i) {
    keeping.send("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    const auto response = keeping.receive();
    CHECK(response.body == "Hello World!\n");
    CHECK(response.head.find("Connection: keep-alive\r\n") != std::string::npos);
  }
  RawClient chunked(proxy.port());
  chunked.send("GET /stream/3/1 HTTP/1.0\r\n\r\n");
  const auto all = chunked.receive_all();
  CHECK(all.find("Transfer-Encoding") == std::string::npos);
  CHECK(all.ends_with("chunk\nchunk\nchunk\n"));
}

TEST_CASE("large bodies pass both ways unchanged") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  const TempDir directory;
  const std::string file = directory.path("body");
  const auto made = run({"sh", "-c", "head -c 20000000 /dev/urandom > " + file});
  REQUIRE(made.exit_code == 0);
  const auto sent =
      run({"sh", "-c", "curl -sS --data-binary @" + file + " " + proxy.url("/echo") + " | cmp - " + file});
  CHECK(sent.exit_code == 0);
  CHECK(sent.output == "");
  const auto fetched = run({"sh", "-c", "curl -sS " + proxy.url("/bytes/104857600") + " | wc -c"});
  CHECK(std::stoll(fetched.output) == 104857600);
}

TEST_CASE("the backend is told who the client is, and nobody else's word for it is passed on") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  // The backend of this one is a listening nc-like socket: what arrives is read as it is.
  RawClient client(proxy.port());
  client.send(
      "GET /hello HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close, "
      "X-Secret\r\nX-Secret: 1\r\n\r\n");
  CHECK(client.receive().ok());
  CHECK(client.receive_all() == "");  // Closed, as asked.
}

TEST_CASE("what no route takes is answered 404, and counted") {
  const DemoApp app;
  const Proxy proxy(
      Proxy::pool({&app}) +
      "[[route]]\nhost = \"shop.example\"\npath = \"/api\"\nstrip_path = true\npool = \"shop\"\n");
  RawClient client(proxy.port());
  CHECK(client.get("/api/hello").status == 404);
  client.send("GET /api/hello HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  CHECK(client.receive().body == "Hello World!\n");
  CHECK(proxy.json("status")["requests"]["failed"]["no_route"] == 1);
}

TEST_CASE("a slow client stalls its backend and never fills our memory") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  RawClient warm(proxy.port());
  REQUIRE(warm.get("/bytes/1000000").ok());
  const size_t before = proxy.process().resident_bytes();
  RawClient slow(proxy.port());
  slow.send(get_request("/bytes/104857600"));
  // Until the kernel's buffers are full and everything has come to a halt.
  size_t last = 0;
  size_t now = 1;
  eventually(
      [&] {
        last = now;
        now = proxy.process().resident_bytes();
        return false;
      },
      1500ms);
  CHECK(proxy.process().resident_bytes() < before + (size_t{8} << 20));
  const auto response = slow.receive();
  CHECK(response.body.size() == 104857600);
}

TEST_CASE("SIGTERM lets what is in flight end, and the process exits in order [tsan]") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const int port = proxy.port();
  RawClient busy(port);
  RawClient idle(port);
  REQUIRE(idle.get("/hello").ok());
  REQUIRE(busy.send(get_request("/slow/1500")));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  proxy.process().send_signal(SIGTERM);
  const auto response = busy.receive();
  CHECK(response.body == "slow\n");
  CHECK(response.head.find("Connection: close\r\n") != std::string::npos);
  CHECK(proxy.process().wait(10s) == 0);
  CHECK(proxy.log().find("stopped why=drained") != std::string::npos);
}

TEST_CASE("sluice demo serves without any configuration, until it is told to end") {
  const TempDir directory;
  Child demo({sluice_binary(), "demo"}, directory.path("output"));
  const std::string before = "the proxy is on ";
  REQUIRE(eventually([&] { return demo.output().find("Ctrl-C ends it.") != std::string::npos; }));
  const std::string said = demo.output();
  const size_t begin = said.find(before) + before.size();
  const std::string url = said.substr(begin, said.find(',', begin) - begin);
  CHECK(run({"curl", "-fsS", url}).output == "Hello World!\n");
  demo.send_signal(SIGINT);
  CHECK(demo.wait(10s) == 0);
}

TEST_CASE(
    "what has no answer when a process stops is told so, whether its time is over or a second signal comes") {
  const DemoApp app;
  for (const bool twice : {false, true}) {
    CAPTURE(twice);
    Proxy proxy(Proxy::pool({&app}));
    proxy.set_in_server_table("drain_timeout", twice ? "\"1m\"" : "\"300ms\"");
    proxy.write_config(with_queue(app));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(proxy.wait_for_healthy(1));
    Unanswered clients(proxy.port());
    PlainSocket half_closed(proxy.port());
    half_closed.send(get_request("/slow/60000"));
    ::shutdown(half_closed.descriptor(), SHUT_WR);
    REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 4; }));
    proxy.process().send_signal(SIGTERM);
    if (twice) {
      REQUIRE(eventually([&] { return proxy.log().find("stopping") != std::string::npos; }));
      proxy.process().send_signal(SIGINT);
    }
    clients.check_stopped();
    CHECK(half_closed.receive_to_end().bytes.starts_with("HTTP/1.1 503 "));
    CHECK(proxy.process().wait(10s) == 0);
    CHECK(proxy.log().find("requests accounted accepted=4 stopped=4 balanced=yes") != std::string::npos);
  }
}

TEST_CASE("a client that ends its direction behind its requests gets its answers") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  for (const std::string& requests :
       {get_request("/slow/700"), get_request("/slow/300") + get_request("/slow/400"),
        post_request("/slow/700", std::string(200'000, 'x'))}) {
    PlainSocket client(proxy.port());
    REQUIRE(client.send(requests));
    ::shutdown(client.descriptor(), SHUT_WR);
    const Received received = client.receive_to_end();
    CHECK(received.end == End::closed);
    const size_t wanted = requests.find("GET", 1) == std::string::npos ? 1 : 2;
    size_t answers = 0;
    for (size_t at = 0; (at = received.bytes.find("HTTP/1.1 200 OK\r\n", at)) != std::string::npos; ++at)
      ++answers;
    CHECK_MESSAGE(answers == wanted, received.bytes);
  }
  CHECK(proxy.json("status")["requests"]["client_abort"] == 0);
}

TEST_CASE("a second signal stops at once") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  RawClient busy(proxy.port());
  busy.send(get_request("/slow/60000"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  proxy.process().send_signal(SIGTERM);
  REQUIRE(eventually([&] { return proxy.log().find("stopping") != std::string::npos; }));
  proxy.process().send_signal(SIGINT);
  CHECK(proxy.process().wait(5s) == 0);
}

}  // namespace
}  // namespace sluice::e2e
