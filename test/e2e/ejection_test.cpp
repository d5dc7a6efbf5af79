// Backends that fail in traffic, though their probes pass.
#include <algorithm>
#include <memory>

#include "bad_origin.h"
#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool_of_addresses(const std::vector<std::string>& addresses, const std::string& more) {
  std::string list;
  for (const std::string& address : addresses) list += "\"" + address + "\", ";
  return "[pool.shop]\nbackends = [" + list + "]\n" + more;
}

/// Every request is tried until it is answered.
constexpr std::string_view kRetries =
    "retry = { attempt_timeout = \"150ms\", budget = 1000, budget_minimum = 1000000, hold = true }\n"
    "queue = { timeout = \"20s\" }\n";

std::string settings(const std::string& more) {
  return "health = { interval = \"50ms\" }\n" + std::string(kRetries) + more;
}

bool says(const Proxy& proxy, const std::string& text) {
  return eventually([&] { return proxy.log().find(text) != std::string::npos; });
}

TEST_CASE("a backend that fails again and again is ejected, each time for longer, and comes back") {
  const DemoApp good;
  BadOrigin bad(Way::resets);
  const Proxy proxy(
      pool_of_addresses({good.address(), bad.address()},
                        settings("ejection = { failures = 3, time = \"300ms\", most_time = \"1s\" }\n")));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 2, get_request("/hello"));
  REQUIRE(becomes(proxy, 1, "ejected"));
  const std::string one = "backend ejected pool=shop backend=" + bad.address() +
                          " was=healthy cause=\"3 failures in a row, the last: backend_closed\" for=";
  CHECK(says(proxy, one + "300ms ejections=1"));
  CHECK(says(proxy, "backend healthy pool=shop backend=" + bad.address() +
                        " was=ejected cause=\"its time is over\""));
  CHECK(says(proxy, one + "600ms ejections=2"));
  CHECK(says(proxy, one + "1s ejections=3"));
  CHECK(says(proxy, one + "1s ejections=4"));
  CHECK(backend(proxy, 1)["ejections"] >= 4);
  REQUIRE(becomes(proxy, 1, "ejected"));
  const auto shown = proxy.admin("pool show shop").output;
  CHECK_MESSAGE(shown.find(bad.address() + " ejected ") != std::string::npos, shown);
  CHECK_MESSAGE(shown.find(" ejected_for=") != std::string::npos, shown);

  bad.become(Way::good);
  CHECK(becomes(proxy, 1, "healthy"));
  const size_t before = bad.requests();
  CHECK(eventually([&] { return bad.requests() > before + 100; }));
  CHECK(eventually([&] { return backend(proxy, 1)["ejections"] == 0; }));  // All is forgotten.
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("without probes, too: what refuses connections is ejected rather than tried all the time") {
  const DemoApp good;
  DemoApp gone;
  const Proxy proxy(pool_of_addresses(
      {good.address(), gone.address()},
      "health = false\nejection = { failures = 3, time = \"60s\" }\n" + std::string(kRetries)));
  gone.kill();
  LoopingClient gets(proxy.port(), 2, get_request("/hello"));
  CHECK(becomes(proxy, 1, "ejected"));
  CHECK(backend(proxy, 1)["cause"] == "3 failures in a row, the last: connect_refused");
  gone.restart();
  CHECK(proxy.admin("backend ready shop " + gone.address()).exit_code == 0);
  CHECK(backend(proxy, 1)["state"] == "healthy");
  CHECK(backend(proxy, 1)["ejections"] == 0);
  const auto before = backend(proxy, 1)["requests"];
  CHECK(eventually([&] { return backend(proxy, 1)["requests"] > before; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("statuses count as failures where the pool says so, and one that goes well ends the row") {
  const DemoApp good;
  BadOrigin bad;
  bad.answer({.status = 503});
  const auto toml = [&](const std::string& statuses) {
    return pool_of_addresses(
        {good.address(), bad.address()},
        settings("ejection = { failures = 3, time = \"60s\", statuses = \"" + statuses + "\" }\n"));
  };
  Proxy proxy(toml("none"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 20; ++i) client.get("/hello");
  CHECK(backend(proxy, 1)["state"] == "healthy");
  proxy.write_config(toml("gateway"));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  for (int i = 0; i < 10; ++i) {  // Two of three fail, in turn with the good backend.
    bad.answer({.status = i % 3 == 0 ? 200 : 503});
    client.get("/hello");
    client.get("/hello");
  }
  CHECK(backend(proxy, 1)["state"] == "healthy");
  bad.answer({.status = 503});
  for (int i = 0; i < 12; ++i) client.get("/hello");
  CHECK(becomes(proxy, 1, "ejected"));
  CHECK(backend(proxy, 1)["cause"] == "3 failures in a row, the last: status 503");
  for (int i = 0; i < 10; ++i) CHECK(client.get("/hello").status == 200);
}

TEST_CASE("no more than the share of a pool is ejected at a time") {
  std::vector<std::unique_ptr<BadOrigin>> bad;
  std::vector<std::string> addresses;
  for (int i = 0; i < 5; ++i) {
    bad.push_back(std::make_unique<BadOrigin>(i < 4 ? Way::resets : Way::good));
    addresses.push_back(bad.back()->address());
  }
  const Proxy proxy(
      pool_of_addresses(addresses, settings("ejection = { failures = 2, time = \"60s\", share = 40 }\n")));
  REQUIRE(proxy.wait_for_healthy(5));
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  const auto ejected = [&] {
    const auto list = proxy.json("backend list")["backends"];
    return std::ranges::count_if(list, [](const auto& each) { return each["state"] == "ejected"; });
  };
  CHECK(eventually([&] { return ejected() == 2; }));
  CHECK(says(proxy, "as many of the pool are ejected as may be"));
  CHECK(ejected() == 2);
  gets.stop();
}

TEST_CASE("the last backend of a pool is never ejected, and one that is ejected is better than none") {
  DemoApp good;
  BadOrigin bad(Way::resets);
  const Proxy proxy(pool_of_addresses({good.address(), bad.address()},
                                      "health = { interval = \"50ms\", fall = 1 }\n" + std::string(kRetries) +
                                          "ejection = { failures = 2, time = \"60s\", share = 100 }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 6; ++i) CHECK(client.get("/hello").ok());
  REQUIRE(becomes(proxy, 1, "ejected"));
  bad.become(Way::good);
  SUBCASE("when the other one dies") {
    good.kill();
    CHECK(client.get("/hello").ok());
    CHECK(says(proxy, "was=ejected cause=\"no other backend is available\""));
  }
  SUBCASE("when the other one is drained") {
    CHECK(proxy.admin("backend drain shop " + good.address()).exit_code == 0);
    CHECK(client.get("/hello").ok());
  }
  CHECK(backend(proxy, 1)["state"] == "healthy");
  bad.become(Way::resets);
  for (int i = 0; i < 4; ++i) CHECK(client.get("/hello").status == 502);
  CHECK(backend(proxy, 1)["state"] == "healthy");
  CHECK(says(proxy, "backend not ejected pool=shop backend=" + bad.address()));
}

TEST_CASE("requests that wait are served as soon as an ejected backend is back") {
  const DemoApp slow;
  BadOrigin bad(Way::resets);
  const Proxy proxy("[pool.shop]\nbackends = [{ address = \"" + slow.address() +
                        "\", max_requests = 1 }, \"" + bad.address() + "\"]\n" +
                        settings("ejection = { failures = 2, time = \"2s\" }\n"),
                    1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 6; ++i) CHECK(client.get("/hello").ok());
  REQUIRE(backend(proxy, 1)["state"] == "ejected");
  bad.become(Way::good);
  RawClient busy(proxy.port());
  busy.send(post_request("/slow/60000", "x"));
  REQUIRE(eventually([&] { return backend(proxy, 0)["in_flight"] == 1; }));
  RawClient waiting(proxy.port());
  waiting.send(get_request("/hello"));
  const auto answer = waiting.receive();
  CHECK(answer.ok());
  CHECK(answer.body == "hi\n");
}

TEST_CASE("an ejection goes on after reloads, and in the process that takes over") {
  const DemoApp good;
  const BadOrigin bad(Way::resets);
  std::string probes;
  SUBCASE("with probes") {
    probes = "health = { interval = \"50ms\" }\n";
  }
  SUBCASE("without") {
    probes = "health = false\n";
  }
  Proxy proxy(
      pool_of_addresses({good.address(), bad.address()},
                        probes + std::string(kRetries) + "ejection = { failures = 2, time = \"60s\" }\n"));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 8; ++i) CHECK(client.get("/hello").ok());
  REQUIRE(becomes(proxy, 1, "ejected"));
  const size_t before = bad.requests();
  const auto cause = backend(proxy, 1)["cause"];
  const pid_t old = pid_of(proxy);
  REQUIRE(proxy.admin("backend weight shop " + good.address() + " 3").exit_code == 0);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(backend(proxy, 1)["state"] == "ejected");
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  REQUIRE(eventually([&] { return pid_of(proxy) != old; }));
  CHECK(backend(proxy, 1)["state"] == "ejected");
  CHECK(backend(proxy, 1)["cause"] == cause);
  CHECK(backend(proxy, 1)["ejections"] == 1);
  CHECK(backend(proxy, 1)["ejected_ms"] <= 60'000);
  CHECK(backend(proxy, 1)["ejected_ms"] > 30'000);
  RawClient other(proxy.port());
  for (int i = 0; i < 8; ++i) CHECK(other.get("/hello").ok());
  CHECK(bad.requests() == before);

  proxy.write_config(pool_of_addresses({good.address(), bad.address()}, probes));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(backend(proxy, 1)["state"] == "healthy");  // None is ejected where the file wants none.
}

}  // namespace
}  // namespace sluice::e2e
