// Blue and green: a route's requests are split, moved and swapped by command while clients ask on.
#include <cstdlib>
#include <set>
#include <utility>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool(const std::string& name, const DemoApp& app) {
  return "[pool." + name + "]\nbackends = [\"" + app.address() +
         "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n";
}

/// Blue and green, and a route "shop" with `more`.
struct Stage {
  explicit Stage(const std::string& more = "pool = \"blue\"\n", const std::string& routes = "")
      : toml("[[route]]\nname = \"shop\"\n" + more + routes + pool("blue", blue) + pool("green", green)),
        proxy(toml, Proxy::StateFile::kept) {
    REQUIRE(proxy.wait_for_healthy(2));
  }
  int requests(const std::string& of) const {
    return proxy.json("backend list " + of)["backends"][0]["requests"].get<int>();
  }
  std::string pools() const {
    std::string text;
    const auto list = proxy.json("route list");
    for (const auto& part : list["routes"][0]["pools"]) {
      text += (text.empty() ? "" : " ") + part["pool"].get<std::string>() + "=" + part["weight"].dump();
    }
    return text;
  }

  DemoApp blue{{.version = "blue"}};
  DemoApp green{{.version = "green"}};
  std::string toml;
  Proxy proxy;
};

std::string colour(RawClient& client, const std::string& fields = "", const std::string& path = "/hello") {
  REQUIRE(client.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"));
  const auto response = client.receive();
  REQUIRE(response.ok());
  return response.head.find("X-Version: blue\r\n") != std::string::npos ? "blue" : "green";
}

TEST_CASE("shares are as the file and the commands say, and no request fails while they change [tsan]") {
  Stage stage("pool = { blue = 90, green = 10 }\n");
  const Proxy& proxy = stage.proxy;
  CHECK(proxy.admin("route list").output == "shop path=/ pool=\"blue=90 green=10\"\n");
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  LoopingClient posts(proxy.port(), 4, post_request("/echo", "once"));
  /// What blue and green have got so far, at one moment.
  const auto counts = [&] {
    const auto list = proxy.json("backend list");
    return std::pair<double, double>(list["backends"][0]["requests"].get<double>(),
                                     list["backends"][1]["requests"].get<double>());
  };
  /// Green's percentage of the next two thousand or more.
  const auto share = [&] {
    const auto [blue, green] = counts();
    const uint64_t begin = gets.ok() + posts.ok();
    REQUIRE(eventually([&] { return gets.ok() + posts.ok() > begin + 2000; }));
    const auto [blue_now, green_now] = counts();
    return 100 * (green_now - green) / (green_now - green + blue_now - blue);
  };
  CHECK(std::abs(share() - 10) < 2);
  for (const int percent : {0, 25, 50, 75, 100, 10}) {
    const auto done = proxy.admin("route split shop blue=" + std::to_string(100 - percent) +
                                  " green=" + std::to_string(percent));
    CHECK(done.exit_code == 0);
    CHECK(done.output.starts_with("ok generation="));
    CHECK(std::abs(share() - percent) < 2);
  }
  for (int i = 0; i < 50; ++i) {
    REQUIRE(proxy.admin(i % 2 == 0 ? "route split shop green=1" : "route split shop blue=1").exit_code == 0);
  }
  gets.stop();
  posts.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
}

TEST_CASE("a client with a sticky cookie stays in the pool that gave it, while that has a part") {
  const DemoApp blue({.version = "blue"});
  const DemoApp green({.version = "green"});
  const auto sticky = [](const std::string& name, const DemoApp& app) {
    return "[pool." + name + "]\nbackends = [\"" + app.address() + "\"]\nbalance = \"sticky_cookie\"\n";
  };
  const Proxy proxy("[[route]]\nname = \"shop\"\npool = { blue = 50, green = 50 }\n" + sticky("blue", blue) +
                    sticky("green", green));
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  std::set<std::string> seen;
  for (int i = 0; i < 8; ++i) {
    const auto first = client.get("/hello");
    const size_t begin = first.head.find("Set-Cookie: ");
    REQUIRE(begin != std::string::npos);
    const std::string cookie = first.head.substr(begin + 12, first.head.find(';', begin) - begin - 12);
    const std::string home = first.head.find("X-Version: blue\r\n") != std::string::npos ? "blue" : "green";
    seen.insert(home);
    for (int k = 0; k < 10; ++k) CHECK(colour(client, "Cookie: " + cookie + "\r\n") == home);
    if (seen.size() < 2 || home == "green") continue;
    REQUIRE(proxy.admin("route split shop green=1").exit_code == 0);
    CHECK(colour(client, "Cookie: " + cookie + "\r\n") == "green");
    break;
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("once a swap is answered, no request goes to the old pool any more") {
  Stage stage;
  LoopingClient gets(stage.proxy.port(), 4, get_request("/hello"));
  RawClient client(stage.proxy.port());
  for (int i = 0; i < 20; ++i) {
    const std::string to = i % 2 == 0 ? "green" : "blue";
    const std::string from = i % 2 == 0 ? "blue" : "green";
    REQUIRE(stage.proxy.admin("route split shop " + to + "=1").exit_code == 0);
    CHECK(colour(client) == to);
    REQUIRE(eventually([&] { return stage.proxy.json("generation list")["generations"].size() == 1; }));
    const int before = stage.requests(from);
    const uint64_t ok = gets.ok();
    REQUIRE(eventually([&] { return gets.ok() > ok + 20; }));
    CHECK(stage.requests(from) == before);
  }
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("a canary is for clients with the header or the cookie alone") {
  Stage stage(
      "pool = \"blue\"\n",
      "[[route]]\nname = \"beta\"\nheader = { name = \"X-Canary\", value = \"1\" }\npool = \"green\"\n"
      "[[route]]\ncookie = { name = \"canary\" }\npool = \"green\"\n");
  RawClient client(stage.proxy.port());
  CHECK(colour(client) == "blue");
  CHECK(colour(client, "X-Canary: 1\r\n") == "green");
  CHECK(colour(client, "X-Canary: 2\r\n") == "blue");
  CHECK(colour(client, "Cookie: a=b; canary=x\r\n") == "green");
  const auto list = stage.proxy.admin("route list").output;
  CHECK(list.find("beta path=/ header=\"X-Canary=1\" pool=green\n") != std::string::npos);
  CHECK(list.find("- path=/ cookie=canary pool=green\n") != std::string::npos);
}

TEST_CASE("a split outlives a SIGKILL, a reload and an upgrade, until the file has it or --reset") {
  Stage stage;
  REQUIRE(stage.proxy.admin("route split shop blue=1 green=3").exit_code == 0);
  stage.proxy.kill();
  stage.proxy.restart();
  CHECK(stage.pools() == "blue=1 green=3");
  REQUIRE(stage.proxy.admin("reload").exit_code == 0);
  CHECK(stage.pools() == "blue=1 green=3");
  const auto shown = stage.proxy.admin("config show").output;
  CHECK(shown.find("pool = { \"blue\" = 1, \"green\" = 3 }\n") != std::string::npos);
  CHECK(shown.find("# route shop split blue=1 green=3\n") != std::string::npos);
  CHECK(stage.proxy.admin("config diff").output == "admin route shop split blue=1 green=3\n");
  SUBCASE("an upgrade") {
    REQUIRE(stage.proxy.admin("upgrade").exit_code == 0);
    CHECK(stage.pools() == "blue=1 green=3");
    stage.proxy.admin("stop");
  }
  SUBCASE("the file") {
    std::string file = stage.toml;
    file.replace(file.find("\"blue\""), 6, "{ blue = 1, green = 3 }");
    stage.proxy.write_config(file);
    CHECK(stage.proxy.admin("reload").output.starts_with("ok "));
    CHECK(stage.proxy.json("status")["changes"]["admin"] == 0);
  }
  SUBCASE("--reset") {
    const auto reset = stage.proxy.admin("reload --reset").output;
    CHECK(reset.find("~ route /: pool = \"blue\" (was { \"blue\" = 1, \"green\" = 3 })") !=
          std::string::npos);
    CHECK(stage.pools() == "blue=1");
  }
}

TEST_CASE("blue and green are swapped, backends and all, in one generation") {
  Stage stage;
  AdminSession session(stage.proxy.socket_path());
  CHECK(session.ask("begin") == "ok generation=1");
  CHECK(session.ask("backend weight green " + stage.green.address() + " 2") == "ok pending=1");
  CHECK(session.ask("route split shop green=1") == "ok pending=2");
  CHECK(session.ask("route split shop green=1") == "ok pending=3 unchanged");
  RawClient client(stage.proxy.port());
  CHECK(colour(client) == "blue");
  CHECK(session.ask("commit") == "ok generation=2");
  CHECK(colour(client) == "green");
  CHECK(session.ask("begin") == "ok generation=2");
  CHECK(session.ask("route split shop blue=1") == "ok pending=1");
  CHECK(stage.proxy.admin("route split shop blue=1 green=1").exit_code == 0);
  CHECK(session.ask("commit") ==
        "error conflict: nothing was changed: route shop has been changed by another since begin");
  CHECK(stage.pools() == "blue=1 green=1");
}

TEST_CASE("what is wrong with a split is said, and changes nothing") {
  Stage stage("pool = \"blue\"\n", "[[route]]\nname = \"old\"\npath = \"/old\"\nredirect = { to = \"/\" }\n");
  struct Expectation {
    std::string command;
    int exit_code;
    std::string output;
  };
  const std::vector<Expectation> expectations = {
      {"route split shp blue=1", 8, "error not_found: no route \"shp\", did you mean \"shop\"?\n"},
      {"route split shop bleu=1", 8, "error not_found: no pool \"bleu\", did you mean \"blue\"?\n"},
      {"route split old blue=1", 2, "error usage: route \"old\" leads to no pool: it answers by itself\n"},
      {"route split shop blue", 2, "error usage: expected POOL=WEIGHT such as blue=90, got \"blue\"\n"},
      {"route split shop blue=x", 2, "error usage: expected POOL=WEIGHT such as blue=90, got \"blue=x\"\n"},
      {"route split shop blue=0", 2, "error usage: expected at least one pool with a weight above 0\n"},
      {"route split shop blue=1001", 2, "error usage: expected weights from 0 to 1000\n"},
      {"route split shop blue=1 blue=2", 2, "error usage: pool \"blue\" is named twice\n"},
      {"route split shop", 2, "error usage: expected: route split ROUTE POOL=WEIGHT ... [--if-revision N]\n"},
      {"route split shop green=1 --if-revision 9", 5,
       "error conflict: nothing was changed: the revision is 1, not 9\n"},
      {"route split shop blue=7", 0, "ok generation=1 unchanged\n"}};
  for (const auto& [command, exit_code, output] : expectations) {
    const auto done = stage.proxy.admin(command);
    CAPTURE(command);
    CHECK(done.exit_code == exit_code);
    CHECK(done.output == output);
  }
  CHECK(stage.pools() == "blue=1");
}

}  // namespace
}  // namespace sluice::e2e
