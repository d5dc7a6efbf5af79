// What the access log says of Sluice's own answers.
#include <sstream>

#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Of the request with this target; null while there is no such line.
json::Value line_of(const std::string& log, const std::string& target) {
  std::istringstream lines(read_file(log));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" " + target + " HTTP/1.1\"") != std::string::npos) return parsed(line);
  }
  return nullptr;
}

/// Waits for it.
json::Value awaited_line_of(const std::string& log, const std::string& target) {
  REQUIRE(eventually([&] { return line_of(log, target).contains("status"); }));
  return line_of(log, target);
}

std::string logging_to(const std::string& path) {
  return "[server.access_log]\npath = \"" + path + "\"\nformat = \"json\"\n\n";
}

std::string request(const std::string& method, const std::string& target,
                    const std::string& fields = "Host: h\r\n") {
  return method + " " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

TEST_CASE("the size of an answer of Sluice's own is that of the body which the client received") {
  RecordingOrigin origin;
  origin.answer("/closes", {.then = Answer::Then::close});
  DemoApp dead;
  dead.kill();
  const TempDir directory;
  const std::string log = directory.path("access");
  const Proxy proxy(logging_to(log) + "[[route]]\npath = \"/closes\"\npool = \"shop\"\n" +
                    "[[route]]\npath = \"/dead\"\npool = \"dead\"\n" +
                    origin.pool("retry = { attempts = 1 }\n") + "[pool.dead]\nbackends = [\"" +
                    dead.address() + "\"]\nqueue = { max = 0 }\n");
  REQUIRE(proxy.wait_for_healthy(1));
  const auto check = [&](int status, const std::string& target, const std::string& bytes) {
    CAPTURE(target);
    RawClient client(proxy.port());
    client.send(bytes);
    const bool to_head = bytes.starts_with("HEAD");
    const Response response = client.receive(to_head);
    CHECK(response.status == status);
    CHECK(response.body.empty() == to_head);
    const json::Value line = awaited_line_of(log, target);
    CHECK(line["status"] == status);
    CHECK(line["sent"].get<size_t>() == response.body.size());
    if (!line.contains("request_id")) return;
    const json::Value why = proxy.json("why " + line["request_id"].get<std::string>());
    CHECK(why["requests"][0]["sent"].get<size_t>() == response.body.size());
  };
  check(404, "/text", request("GET", "/text"));
  check(404, "/json", request("GET", "/json", "Host: h\r\nAccept: application/json\r\n"));
  check(404, "/head", request("HEAD", "/head"));
  check(502, "/closes", request("GET", "/closes"));
  check(503, "/dead", request("GET", "/dead"));
  check(400, "/hostless", request("GET", "/hostless", ""));
  check(400, "/hostless-head", request("HEAD", "/hostless-head", ""));
}

TEST_CASE("a line names the answer to a probe only when the request failed for want of a healthy backend") {
  DemoApp app;
  DemoApp dead;
  dead.kill();
  const TempDir directory;
  const std::string log = directory.path("access");
  const Proxy proxy(logging_to(log) + "[pool.shop]\nbackends = [{ address = \"" + app.address() +
                        "\", max_requests = 1 }, \"" + dead.address() +
                        "\"]\nhealth = { interval = \"50ms\" }\nqueue = { max = 0 }\n",
                    1);
  const auto is = [&](const DemoApp& backend, const std::string& state) {
    return eventually([&] { return proxy.state_of(backend) == state; });
  };
  REQUIRE(is(app, "healthy"));
  REQUIRE(is(dead, "down"));
  const auto probe_in_refusal = [&](const std::string& target) {
    RawClient client(proxy.port());
    CHECK(client.get(target).status == 503);
    const json::Value line = awaited_line_of(log, target);
    return line.contains("probe") ? line["probe"].get<std::string>() : "none";
  };
  RawClient busy(proxy.port());
  busy.send(get_request("/slow/60000"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  CHECK(probe_in_refusal("/healthy-and-busy") == "none");
  busy.close();
  REQUIRE(proxy.admin("pool pause shop").exit_code == 0);
  CHECK(probe_in_refusal("/paused") == "none");
  app.kill();
  REQUIRE(is(app, "down"));
  CHECK(probe_in_refusal("/paused-and-down") == "none");
  REQUIRE(proxy.admin("pool resume shop").exit_code == 0);
  CHECK(probe_in_refusal("/down").starts_with(app.address() + ": "));
}

}  // namespace
}  // namespace sluice::e2e
