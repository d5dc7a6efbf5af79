// Bad backends of every kind, and the clients of others, who see nothing of them.
#include "bad_origin.h"
#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

struct Kind {
  Way way;
  std::string_view name;
};

constexpr Kind kKinds[] = {{Way::silent, "accepts and never answers"},
                           {Way::trickles, "answers a byte a second"},
                           {Way::resets, "resets at each request"},
                           {Way::resets_after_head, "resets after the head"},
                           {Way::garbage, "sends garbage"},
                           {Way::flaps, "flaps at 10 Hz"}};

constexpr std::string_view kEjection =
    "ejection = { failures = 3, time = \"200ms\", most_time = \"1s\", share = 50 }\n";

/// Quick probes, attempts that are bounded, and retries for as long as it takes.
std::string patient(std::string_view more) {
  return "health = { interval = \"50ms\", timeout = \"300ms\", fall = 1 }\n"
         "retry = { attempt_timeout = \"150ms\", budget = 1000, budget_minimum = 1000000, hold = true }\n"
         "queue = { timeout = \"20s\" }\n" +
         std::string(more);
}

/// The bad backend serves a pool of its own, whose clients have it all.
void check_beside_in_another_pool(const Kind& kind, std::string_view ejection) {
  const DemoApp good;
  const BadOrigin bad(kind.way);
  const Proxy proxy(Proxy::pool({&good}) + "[pool.bad]\nbackends = [\"" + bad.address() + "\"]\n" +
                    "timeouts = { response = \"200ms\" }\nhealth = false\n" + std::string(ejection) +
                    "[[route]]\npath = \"/bad\"\npool = \"bad\"\n[[route]]\npool = \"shop\"\n");
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient theirs(proxy.port(), 8, get_request("/bad/x"));
  LoopingClient ours(proxy.port(), 4, get_request("/bytes/1000"));
  // One that refuses connections is left alone for a while each time.
  const size_t enough = kind.way == Way::flaps ? 2 : 10;
  REQUIRE(eventually([&] { return bad.requests() >= enough && ours.ok() > 2000; }, 30s));
  ours.stop();
  theirs.stop();
  CHECK_MESSAGE(ours.failed() == 0, ours.first_failure());
  CHECK(ours.worst() < 1s);
  MESSAGE(kind.name << ": " << ours.ok() << " requests beside it, the slowest " << ours.worst().count()
                    << " ms, " << theirs.failed() << " of its own failed");
}

/// It is one of three in the same pool.
void check_beside_in_the_pool(const Kind& kind, std::string_view ejection) {
  const DemoApp one;
  const DemoApp two;
  const BadOrigin bad(kind.way);
  const Proxy proxy("[pool.shop]\nbackends = [\"" + one.address() + "\", \"" + two.address() + "\", \"" +
                    bad.address() + "\"]\n" + patient(ejection));
  REQUIRE(eventually([&] { return proxy.json("status")["pools"][0]["healthy"].get<int>() >= 2; }));
  LoopingClient gets(proxy.port(), 8, get_request("/bytes/1000"));
  REQUIRE(eventually([&] { return bad.requests() >= 10 && gets.ok() > 500; }, 30s));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(gets.worst() < 5s);
  if (!ejection.empty() && kind.way != Way::flaps) {
    CHECK(proxy.log().find("backend ejected pool=shop backend=" + bad.address()) != std::string::npos);
  }
  MESSAGE(kind.name << ": " << gets.ok() << " requests in its pool, the slowest " << gets.worst().count()
                    << " ms; it got " << bad.requests());
}

TEST_CASE("whatever a backend does, clients of another pool see nothing of it") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    check_beside_in_another_pool(kind, "");
  }
}

TEST_CASE("whatever a backend of an ejecting pool does, clients of another pool see nothing of it") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    check_beside_in_another_pool(kind, kEjection);
  }
}

TEST_CASE("whatever one of three backends does, GETs to the pool do not fail") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    check_beside_in_the_pool(kind, "");
  }
}

TEST_CASE("whatever one of three backends does, GETs do not fail, and it is ejected [tsan]") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    check_beside_in_the_pool(kind, kEjection);
  }
}

}  // namespace
}  // namespace sluice::e2e
