// Backends that fall again and again.
#include "bad_origin.h"
#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

constexpr std::string_view kQuick = "health = { interval = \"20ms\", timeout = \"1s\", fall = 1 }\n";

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_CASE("a backend that flaps at 10 Hz is damped: told once, and healthy less and less often") {
  const DemoApp good;
  const BadOrigin bad(Way::flaps);
  const Proxy proxy("[pool.shop]\nbackends = [\"" + good.address() + "\", \"" + bad.address() + "\"]\n" +
                    std::string(kQuick) + "queue = { timeout = \"20s\" }\n");
  LoopingClient gets(proxy.port(), 4, get_request("/bytes/100"));
  const auto flapping = [&] { return proxy.json("backend list")["backends"][1]["flapping"] == true; };
  REQUIRE(eventually(flapping));
  const std::string told =
      "backend flapping pool=shop backend=" + bad.address() + " cause=\"5 falls within a minute\"";
  CHECK(count(proxy.log(), told) == 1);
  // A wave of 50 ms holds three passes at most: with more than that needed nothing comes of it.
  const auto needed = [&] { return proxy.json("backend list")["backends"][1]["passes_needed"]; };
  REQUIRE(eventually([&] { return needed() >= 4; }));
  const auto text = proxy.admin("backend list").output;
  CHECK_MESSAGE(text.find(" flapping passes_needed=") != std::string::npos, text);
  const size_t healthy = count(proxy.log(), "backend healthy pool=shop backend=" + bad.address());
  const size_t pings = bad.pings();
  REQUIRE(eventually([&] { return bad.pings() > pings + 100; }, 30s));  // Fifty waves or more.
  CHECK(count(proxy.log(), "backend healthy pool=shop backend=" + bad.address()) <= healthy + 4);
  CHECK(count(proxy.log(), told) == 1);
  CHECK(flapping());
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("an admin ends the damping, and the only backend of a pool is never damped") {
  BadOrigin bad(Way::flaps);
  const DemoApp other;
  Proxy proxy("[pool.shop]\nbackends = [\"" + bad.address() + "\"]\n" + std::string(kQuick));
  const auto first = [&] { return proxy.json("backend list")["backends"][0]; };
  REQUIRE(eventually([&] { return first()["flapping"] == true; }, 20s));
  CHECK(first()["passes_needed"] == 1);
  const std::string line = "backend healthy pool=shop backend=" + bad.address();
  const size_t healthy = count(proxy.log(), line);
  CHECK(eventually([&] { return count(proxy.log(), line) > healthy + 10; }, 20s));  // As before.

  proxy.write_config("[pool.shop]\nbackends = [\"" + bad.address() + "\", \"" + other.address() + "\"]\n" +
                     std::string(kQuick));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(eventually([&] { return first()["passes_needed"] > 1; }));
  bad.become(Way::good);
  CHECK(proxy.admin("backend ready shop " + bad.address() + " --wait 10s").exit_code == 0);
  CHECK(first()["flapping"] == false);
  CHECK(count(proxy.log(), "backend flapping no more pool=shop backend=" + bad.address()) == 1);
}

}  // namespace
}  // namespace sluice::e2e
