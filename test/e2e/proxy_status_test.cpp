// What Sluice says of its own answers: Proxy-Status (RFC 9209), and the request's id.
#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Everything behind "Proxy-Status: "; of several, the last one's.
std::string status_of(const Response& response) {
  constexpr std::string_view kName = "Proxy-Status: ";
  const auto begin = response.head.rfind(kName);
  if (begin == std::string::npos) return "none";
  const auto end = response.head.find("\r\n", begin);
  return response.head.substr(begin + kName.size(), end - begin - kName.size());
}

std::string error_of(const Response& response) {
  const std::string status = status_of(response);
  const auto begin = status.find("error=");
  if (begin == std::string::npos) return status;
  return std::to_string(response.status) + " " +
         status.substr(begin + 6, status.find(';', begin) - begin - 6);
}

Response ask(const Proxy& proxy, const std::string& bytes) {
  RawClient client(proxy.port());
  client.send(bytes);
  return client.receive();
}

TEST_CASE("every answer of Sluice's own says which error of RFC 9209 it is") {
  RecordingOrigin origin;
  origin.answer("/closed", {.then = Answer::Then::close});
  origin.answer("/reset", {.then = Answer::Then::reset});
  origin.answer("/garbage", {.bytes = "no HTTP at all\r\n\r\n", .then = Answer::Then::close});
  origin.answer("/big", {.bytes = "HTTP/1.1 200 OK\r\nX: " + std::string(300'000, 'x') + "\r\n\r\n"});
  origin.answer("/cut",
                {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .then = Answer::Then::close});
  origin.answer("/switch", {.bytes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: "
                                     "upgrade\r\n\r\n"});
  const Proxy proxy(
      "[limits]\ntarget = \"200B\"\nbody = \"10B\"\n"
      "[[route]]\nhost = \"test.example\"\npool = \"shop\"\n"
      "[[route]]\nhost = \"test.example\"\npath = \"/there\"\nredirect = { to = \"/here\" }\n"
      "[[route]]\nhost = \"test.example\"\npath = \"/fixed\"\nrespond = { status = 200 }\n" +
      origin.pool("retry = { attempts = 1 }\ntimeouts = { response = \"300ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto get = [&](const std::string& path) { return ask(proxy, get_request(path)); };
  CHECK(status_of(get("/fine")) == "none");
  CHECK(error_of(get("/there")) == "308 proxy_internal_response");
  CHECK(error_of(get("/fixed")) == "200 proxy_internal_response");
  CHECK(error_of(get("/closed")) == "502 connection_terminated");
  CHECK(error_of(get("/reset")) == "502 connection_terminated");
  CHECK(error_of(get("/garbage")) == "502 http_protocol_error");
  CHECK(error_of(get("/big")) == "502 http_response_header_section_size");
  const std::string upgrade =
      "GET /switch HTTP/1.1\r\nHost: test.example\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
  CHECK(error_of(ask(proxy, upgrade)) == "502 http_upgrade_failed");
  CHECK(error_of(ask(proxy, "GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n")) == "404 destination_not_found");
  CHECK(error_of(ask(proxy, "GET / HTTP/1.1\r\n\r\n")) == "400 http_request_error");
  CHECK(error_of(get("/" + std::string(300, 'x'))) == "414 http_request_error");
  CHECK(error_of(ask(proxy, post_request("/", std::string(20, 'x')))) == "413 http_request_error");
  CHECK(error_of(ask(proxy, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")) == "501 http_request_error");
}

TEST_CASE("a backend's silence is told as a timeout, with the id by which `why` knows the request") {
  const DemoApp app(DemoApp::Options{.delay = "5s"});
  const Proxy proxy(Proxy::pool({&app}, "timeouts = { response = \"200ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto response = ask(proxy, get_request("/hello"));
  CHECK(status_of(response) == "sluice; error=http_response_timeout; details=\"the backend took too long\"");
  CHECK(response.status == 504);
  CHECK(response.head.find("X-Request-Id: ") != std::string::npos);
}

TEST_CASE("no backend and a full queue are told apart; a backend's address is told only where allowed") {
  DemoApp app;
  app.kill();
  const Proxy proxy("[proxy_status]\nname = \"the edge\"\nnext_hop = true\n" +
                        Proxy::pool({&app}, "health = false\nqueue = { max = 1, timeout = \"2s\" }\n"),
                    1);
  RawClient waiting(proxy.port());
  waiting.send(get_request("/hello"));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
  const auto full = ask(proxy, get_request("/hello"));
  const auto timed_out = waiting.receive();
  CHECK(full.status == 503);
  CHECK(timed_out.status == 503);
  CHECK(
      status_of(full) ==
      "\"the edge\"; error=destination_unavailable; details=\"no backend is available, and too many requests "
      "wait\"");
  CHECK(status_of(timed_out) == "\"the edge\"; error=destination_unavailable; next-hop=\"" + app.address() +
                                    "\"; details=\"no backend became available in time\"");
}

TEST_CASE("a backend's own Proxy-Status passes, and ours follows it when there is something to say") {
  RecordingOrigin origin;
  const std::string fine =
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nProxy-Status: inner; details=\"x\"\r\n\r\n";
  origin.answer("/", {.bytes = fine});
  DemoApp dead;
  dead.kill();
  const std::string pools =
      "[pool.shop]\nhealth = false\nbackends = [\"" + dead.address() + "\", \"" + origin.address() + "\"]\n";
  const Proxy proxy(pools, 1);
  const auto first = ask(proxy, get_request("/"));
  CHECK(first.status == 200);
  CHECK(status_of(first) == "inner; details=\"x\"");
  const Proxy telling("[proxy_status]\nforwarded = true\n" + pools, 1);
  const auto tried_twice = ask(telling, get_request("/"));
  CHECK(tried_twice.head.find("Proxy-Status: inner; details=\"x\"\r\n") != std::string::npos);
  CHECK(status_of(tried_twice).starts_with("sluice; details=\"attempts="));
}

}  // namespace
}  // namespace sluice::e2e
