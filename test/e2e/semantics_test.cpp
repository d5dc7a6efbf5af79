// HTTP/1.1 as clients and backends use it: 100-continue, trailers, interim responses, limits.
#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("a client that waits for 100 gets one, though its backend knows of none") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool("timeouts = { continue = \"100ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(client.receive_all(5s, interim.size()) == interim);
  client.send("hello");
  CHECK(client.receive().body == RecordingOrigin::body_for("/up"));
  REQUIRE(origin.requests().size() == 1);
  CHECK(origin.requests()[0].body == "hello");
  CHECK(values_of(origin.requests()[0].fields, "expect").size() == 1);
}

TEST_CASE("curl's own Expect and uploads work as without a proxy") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  TempDir files;
  write_file(files.path("body"), std::string(3 << 20, 'u'));
  const std::string body = std::string("@").append(files.path("body"));
  for (const std::string framing : {"Content-Length:", "Transfer-Encoding: chunked"}) {
    const auto done = run({"curl", "-sS", "-H", "Expect: 100-continue", "-H",
                           framing == "Content-Length:" ? "X-None: 1" : framing, "--data-binary", body, "-o",
                           files.path("answer"), "-w", "%{http_code}", proxy.url("/echo")});
    CHECK(done.output == "200");
    CHECK(read_file(files.path("answer")) == read_file(files.path("body")));
  }
}

TEST_CASE("trailers and early hints go on to a client of HTTP/1.1, and not to one of 1.0") {
  RecordingOrigin origin;
  origin.answer(
      "/t", {.bytes = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: "
                      "Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 7\r\nContent-Length: "
                      "9\r\n\r\n"});
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient modern(proxy.port());
  modern.send("GET /t HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto all = modern.receive_all(5s);
  CHECK(all.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: Sum\r\n"));
  CHECK(all.ends_with("2\r\nok\r\n0\r\nSum: 7\r\n\r\n"));
  RawClient old(proxy.port());
  old.send("GET /t HTTP/1.0\r\nHost: h\r\n\r\n");
  const auto plain = old.receive_all(5s);
  CHECK(plain.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(plain.ends_with("\r\n\r\nok"));
}

TEST_CASE("a request's trailers reach the backend, and an HTTP/1.0 request names a host to it") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(
      "POST /t HTTP/1.1\r\nHost: h\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2;x=y\r\nok\r\n0\r\nX-Hop: 1\r\nSum: 7\r\n\r\n");
  CHECK(client.receive().ok());
  CHECK(origin.bytes().ends_with("2\r\nok\r\n0\r\nSum: 7\r\n\r\n"));
  origin.forget();
  RawClient old(proxy.port());
  old.send("GET /old HTTP/1.0\r\n\r\n");
  CHECK(old.receive().ok());
  CHECK(origin.bytes().find("Host: " + origin.address() + "\r\n") != std::string::npos);
}

TEST_CASE("any method goes on, and connections of one client are bounded with an answer that it can read") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() + "[limits]\nconnections_per_client = 3\n");
  REQUIRE(proxy.wait_for_healthy(1));
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(proxy.port());
    clients.back().send("PURGE /m HTTP/1.1\r\nHost: h\r\n\r\n");
    REQUIRE(clients.back().receive().ok());
  }
  CHECK(origin.requests().back().method == "PURGE");
  RawClient fourth(proxy.port());
  fourth.send(get_request("/m"));
  CHECK(fourth.receive().status == 429);
  clients.pop_back();
  CHECK(eventually([&] {
    RawClient again(proxy.port());
    return again.get("/m").ok();
  }));
}

TEST_CASE(
    "a descriptor limit that is reached keeps clients waiting, not the admin socket, and nobody spins") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  const size_t limit = proxy.process().descriptors() + 100;
  REQUIRE(run({"prlimit", "--pid", std::to_string(proxy.process().pid()),
               "--nofile=" + std::to_string(limit) + ":" + std::to_string(limit)})
              .exit_code == 0);
  std::vector<RawClient> clients;
  for (int i = 0; i < 150; ++i) clients.emplace_back(proxy.port());
  CHECK(eventually([&] { return proxy.process().descriptors() + 40 > limit; }));
  for (int i = 0; i < 20; ++i) CHECK(proxy.admin("status").exit_code == 0);
  CHECK(proxy.json("backend list")["backends"][0]["state"] == "healthy");
  const auto served = clients.front().get("/hello");
  CHECK_MESSAGE(served.ok(), served.error, served.head);
  const int port = proxy.port();
  clients.clear();
  RawClient late(port);
  CHECK(late.get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
