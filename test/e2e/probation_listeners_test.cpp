// Listeners that a reload takes away and gives back while another process has copies of their sockets.
#include <csignal>

#include "probation.h"
#include "reserved_port.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

struct TwoListeners {
  TwoListeners() : at("\"1m\"", with()) {}

  std::string with() const {
    return "[[listener]]\nname = \"second\"\nbind = \"127.0.0.1:" + std::to_string(second) + "\"\n";
  }
  std::string local() const {
    return "[[listener]]\nname = \"local\"\nbind = \"unix:" + directory.path("web") + "\"\n";
  }
  bool over_unix() const {
    return run({"curl", "-fsS", "--unix-socket", directory.path("web"), "http://x/hello"}).exit_code == 0;
  }
  void reload_with(const std::string& more) {
    at.more = more;
    at.write_good();
    const auto done = at.proxy.admin("reload");
    REQUIRE_MESSAGE(done.exit_code == 0, done.output);
  }
  bool all_connect() const {
    for (int i = 0; i < 50; ++i) {
      if (!RawClient(second).get("/hello").ok()) return false;
    }
    return true;
  }

  int second = reserve_port();
  TempDir directory;
  OnProbation at;
};

TEST_CASE("a reload on probation can take a listener away and give it back") {
  TwoListeners two;
  CHECK(two.all_connect());
  const auto sockets = listening_inodes(two.second);
  const pid_t next = two.at.upgrade();
  two.reload_with("");
  CHECK(eventually([&] { return two.at.log_has("listener drained"); }));
  two.reload_with(two.with());
  CHECK(listening_inodes(two.second) == sockets);
  CHECK(two.all_connect());
  SUBCASE("and goes back") {
    CHECK(two.at.proxy.admin("upgrade --back").exit_code == 0);
    CHECK(two.at.is_back());
  }
  SUBCASE("and crashes") {
    ::kill(next, SIGKILL);
    CHECK(two.at.is_back());
  }
  SUBCASE("and passes") {
    CHECK(two.at.proxy.admin("upgrade --keep").exit_code == 0);
    CHECK(two.at.proxy.process().wait() == 0);
  }
  CHECK(listening_inodes(two.second) == sockets);
  CHECK(two.all_connect());
}

TEST_CASE("a listener that was taken away on probation is closed once that is passed") {
  TwoListeners two;
  RawClient slow(two.at.port);
  REQUIRE(slow.send(get_request("/slow/3000")));
  REQUIRE(eventually([&] { return two.at.proxy.json("status")["requests"]["accepted"] == 1; }));
  two.at.upgrade();
  two.reload_with("");
  CHECK(eventually([&] { return two.at.log_has("listener drained"); }));
  CHECK(two.at.proxy.admin("upgrade --keep").exit_code == 0);
  CHECK(eventually([&] { return listening_inodes(two.second).empty(); }));
  CHECK(two.at.proxy.process().is_running());  // It has an answer to give still.
  two.reload_with(two.with());
  CHECK(two.all_connect());
  CHECK(slow.receive().body == "slow\n");
}

TEST_CASE("a listener that a new process had not at first is there again after the way back") {
  TwoListeners two;
  two.at.more = "";
  two.at.write_good();
  const pid_t next = two.at.upgrade();
  CHECK(eventually([&] { return listening_inodes(two.second).empty(); }));
  two.reload_with(two.with());
  CHECK(two.all_connect());
  KeptConnections clients(two.second, 2);
  SUBCASE("with its very sockets and clients") {
    const auto sockets = listening_inodes(two.second);
    CHECK(clients.all_good_for(20));
    CHECK(two.at.proxy.admin("upgrade --back").exit_code == 0);
    CHECK(two.at.is_back());
    CHECK(clients.all_good_for(20));
    CHECK(clients.lost() == 0);
    CHECK(listening_inodes(two.second) == sockets);
  }
  SUBCASE("which is a crash") {
    ::kill(next, SIGKILL);
    CHECK(two.at.is_back());
  }
  CHECK(two.all_connect());
  CHECK_FALSE(two.at.log_has("listener lost"));
}

TEST_CASE("a Unix listener that was taken away and given back on probation is reached after it") {
  TwoListeners two;
  two.reload_with(two.local());
  CHECK(two.over_unix());
  const pid_t next = two.at.upgrade();
  two.reload_with("");
  CHECK(eventually([&] { return !two.over_unix(); }));
  two.reload_with(two.local());
  CHECK(two.over_unix());
  SUBCASE("when the new process goes back") {
    CHECK(two.at.proxy.admin("upgrade --back").exit_code == 0);
    CHECK(two.at.is_back());
  }
  SUBCASE("when it crashes") {
    ::kill(next, SIGKILL);
    CHECK(two.at.is_back());
  }
  CHECK(eventually([&] { return two.over_unix(); }));
  CHECK_FALSE(two.at.log_has("listener lost"));
}

}  // namespace
}  // namespace sluice::e2e
