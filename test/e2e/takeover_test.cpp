// Takeovers that succeed: a new process gets the very sockets of the old one, and no client notices.
#include <csignal>
#include <cstdlib>
#include <thread>

#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// How much goes on beside the upgrades: as the test run has time for, or as in the promise.
struct TestLoad {
  uint64_t keep_alive = 30000;
  uint64_t one_each = 15000;
  std::string slow_ms = "2000";
  std::string wrk_seconds = "12";
  milliseconds between_upgrades = 100ms;

  static TestLoad wanted() {
    if (std::getenv("SLUICE_FULL_SIZE") == nullptr) return {};
    return {.keep_alive = 200000,
            .one_each = 200000,
            .slow_ms = "5000",
            .wrk_seconds = "60",
            .between_upgrades = 1s};
  }
};

void check_clean(const AbResult& ab, uint64_t requests) {
  INFO(ab.output);
  CHECK(ab.exit_code == 0);
  CHECK(ab.complete == requests);
  CHECK(ab.failed == 0);
  CHECK(ab.not_2xx == 0);
}

/// accepted = the sum of how requests ended, by the proxy's own counts over all its processes.
void check_ledger(const Proxy& proxy) {
  const auto is_balanced = [&] {
    const auto requests = proxy.json("status")["requests"];
    uint64_t sum = requests["ok"].get<uint64_t>() + requests["backend_error"].get<uint64_t>() +
                   requests["client_abort"].get<uint64_t>();
    for (const auto& [cause, count] : requests["failed"].items()) sum += count.get<uint64_t>();
    return requests["accepted"] == sum;
  };
  CHECK(eventually(is_balanced));
}

TEST_CASE("50 upgrades in a row under wrk, ab, ab -k and slow responses fail nothing and keep the sockets") {
  const DemoApp one;
  const DemoApp two;
  Proxy proxy(Proxy::pool({&one, &two}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(2));
  const int port = proxy.port();
  const auto sockets = listening_inodes(port);
  REQUIRE(sockets.size() == 2);
  const std::string url = proxy.url("/hello");
  const TestLoad load = TestLoad::wanted();
  Upgrader upgrader(proxy, 50, load.between_upgrades);
  LoopingClient posts(port, 2, post_request("/echo", "what is sent twice is charged twice"));
  LoopingClient slow(port, 8, get_request("/slow/" + load.slow_ms));
  WrkResult wrk;
  std::jthread wrk_thread([&] { wrk = run_wrk("-c 64 -t 1 -d " + load.wrk_seconds, url); });
  const auto keep_alive = run_ab("-k -c 100 -n " + std::to_string(load.keep_alive), url);
  const auto one_each = run_ab("-c 100 -n " + std::to_string(load.one_each), url);
  wrk_thread.join();
  upgrader.wait();
  posts.stop();
  slow.stop();

  CHECK_MESSAGE(upgrader.failure().empty(), upgrader.failure());
  CHECK(upgrader.count() == 50);
  check_clean(keep_alive, load.keep_alive);
  check_clean(one_each, load.one_each);
  INFO(wrk.output);
  CHECK(wrk.requests > 1000);
  CHECK(wrk.errors == 0);
  CHECK(wrk.not_2xx == 0);
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(posts.ok() > 100);
  CHECK(posts.told_to_close() + slow.told_to_close() == 0);
  CHECK_MESSAGE(slow.failed() == 0, slow.first_failure());
  CHECK(slow.ok() > 8);
  CHECK(listening_inodes(port) == sockets);
  CHECK(eventually([&] { return successors.living() == std::vector{pid_of(proxy)}; }, 30s));
  CHECK(proxy.process().wait() == 0);
  check_ledger(proxy);
  const auto requests = proxy.json("status")["requests"];
  CHECK(requests["ok"].get<uint64_t>() >=
        load.keep_alive + load.one_each + wrk.requests + posts.ok() + slow.ok());
  CHECK(requests["backend_error"] == 0);
  for (const auto& [cause, count] : requests["failed"].items()) CHECK_MESSAGE(count == 0, cause);
}

TEST_CASE("an upgrade answers with the new process, which is the one from then on [tsan]") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const pid_t before = pid_of(proxy);
  CHECK(before == proxy.process().pid());
  const auto reply = proxy.json("upgrade");
  CHECK(reply["ok"] == true);
  CHECK(pid_of(proxy) == reply["pid"]);
  CHECK(pid_of(proxy) != before);
  const auto status = proxy.json("status");
  CHECK(status["generation"] == 2);
  CHECK(proxy.json("generation list")["generations"][0]["cause"] == "takeover");
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  CHECK(proxy.process().wait() == 0);
}

// By that the process after it knows whose end it has to wait for, should the running one die in the middle.
TEST_CASE("the admin socket names the process that answers on it, in every generation and after a way back") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(proxy.admin("upgrade").exit_code == 0);
    CHECK(peer_of_admin_socket(proxy) == pid_of(proxy));
  }
  proxy.add_to_server_table("probation = \"1m\"");
  proxy.write_config(Proxy::pool({&app}));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(peer_of_admin_socket(proxy) == pid_of(proxy));
  REQUIRE(proxy.admin("upgrade --back").exit_code == 0);
  CHECK(peer_of_admin_socket(proxy) == pid_of(proxy));
}

TEST_CASE("the old process finishes its slow responses, and is told of until it has") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient slow(proxy.port());
  slow.send(get_request("/slow/1500"));
  REQUIRE(eventually([&] { return proxy.json("generation list")["generations"][0]["in_flight"] == 1; }));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  const auto status = proxy.json("status");
  CHECK(status["predecessor"]["pid"] == proxy.process().pid());
  CHECK(status["predecessor"]["connections"] == 1);
  const auto response = slow.receive();
  CHECK(response.body == "slow\n");
  CHECK(proxy.process().wait() == 0);
  CHECK(eventually([&] { return !proxy.json("status").contains("predecessor"); }));
  CHECK(proxy.requests_ok() == 1);
}

TEST_CASE("workers come and go by upgrade, and every client of every queue is answered") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}), 3);
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const int port = proxy.port();
  const auto sockets = listening_inodes(port);
  REQUIRE(sockets.size() == 3);
  const std::string url = proxy.url("/hello");
  size_t expected = 3;
  for (const char* workers : {"1", "4", "2"}) {
    std::string text = read_file(proxy.config_path());
    const auto place = text.find("workers = ") + 10;
    text.replace(place, text.find('\n', place) - place, workers);
    write_file(proxy.config_path(), text);
    AbResult ab;
    std::jthread load([&] { ab = run_ab("-c 20 -n 3000", url); });
    const auto upgraded = proxy.admin("upgrade");
    load.join();
    CHECK_MESSAGE(upgraded.exit_code == 0, upgraded.output);
    check_clean(ab, 3000);
    CHECK(proxy.json("status")["workers"] == std::stoi(workers));
    expected = std::max<size_t>(expected, std::stoul(workers));
    const auto now = listening_inodes(port);
    CHECK(now.size() == expected);
    for (const uint64_t inode : sockets) CHECK(now.contains(inode));
  }
}

TEST_CASE("listeners come and go by upgrade as by reload") {
  const DemoApp app;
  const TempDir directory;
  const std::string unix_listener =
      "[[listener]]\nname = \"local\"\nbind = \"unix:" + directory.path("web") + "\"\n";
  const std::string curl_local = directory.path("web");
  const auto over_unix = [&] {
    return run({"curl", "-fsS", "--unix-socket", curl_local, "http://x/hello"}).output;
  };
  Proxy proxy(unix_listener + "[[listener]]\nname = \"gone\"\nbind = \"127.0.0.2:0\"\n" +
              Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string gone = proxy.address("gone");
  CHECK(over_unix() == "Hello World!\n");
  proxy.write_config(unix_listener + "[[listener]]\nname = \"new\"\nbind = \"127.0.0.3:0\"\n" +
                     Proxy::pool({&app}));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(over_unix() == "Hello World!\n");
  CHECK(run({"curl", "-fsS", "http://" + proxy.address("new") + "/hello"}).output == "Hello World!\n");
  CHECK(proxy.process().wait() == 0);
  CHECK(over_unix() == "Hello World!\n");  // Its file outlives the process that made it.
  CHECK(run({"curl", "-sS", "--connect-timeout", "1", "http://" + gone + "/hello"}).exit_code == 7);
}

TEST_CASE("admin changes, and what is known of backends, go on in the new process") {
  const DemoApp one;
  const DemoApp two;
  for (const auto kept : {Proxy::StateFile::none, Proxy::StateFile::kept}) {
    one.set_ping("ok");
    Proxy proxy(Proxy::pool({&one}), kept);
    const Successors successors(proxy);
    REQUIRE(proxy.admin("backend add shop " + two.address() + " --weight 3 --wait 5s").exit_code == 0);
    REQUIRE(proxy.admin("backend drain shop " + two.address() + " --wait 5s").exit_code == 0);
    REQUIRE(proxy.wait_for_healthy(1));
    one.set_ping("hang");  // A backend that had to be proven anew would get nothing.
    const auto before = proxy.json("status")["generation"].get<int>();
    REQUIRE(proxy.admin("upgrade").exit_code == 0);
    CHECK(RawClient(proxy.port()).get("/hello").ok());
    CHECK(proxy.json("status")["generation"] == before + 1);
    CHECK(proxy.state_of(two) == "draining");
    CHECK(proxy.admin("backend ready shop " + two.address() + " --wait 5s").exit_code == 0);
    // The second process has the state file's lock, and keeps what it acknowledges; a third one follows.
    REQUIRE(proxy.admin("upgrade").exit_code == 0);
    const auto backends = proxy.json("backend list")["backends"];
    REQUIRE(backends.size() == 2);
    CHECK(backends[1]["weight"] == 3);
    if (kept == Proxy::StateFile::kept)
      CHECK(read_file(proxy.state_path()).find(two.address()) != std::string::npos);
  }
}

TEST_CASE("a request that waits for a backend gets the one that is added after an upgrade, and after two") {
  for (const int upgrades : {1, 2}) {
    CAPTURE(upgrades);
    const DemoApp app;
    Proxy proxy("[pool.shop]\nbackends = []\nqueue = { max = 10, timeout = \"20s\" }\n");
    const Successors successors(proxy);
    RawClient waiting(proxy.port());
    REQUIRE(waiting.send(get_request("/hello")));
    REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
    for (int i = 0; i < upgrades; ++i) REQUIRE(proxy.admin("upgrade").exit_code == 0);
    CHECK(waiting.is_open());
    REQUIRE(proxy.admin("backend add shop " + app.address()).exit_code == 0);
    CHECK(waiting.receive(false, 10s).ok());
    CHECK(proxy.process().wait() == 0);
    CHECK(eventually([&] { return proxy.requests_ok() == 1; }));
  }
}

TEST_CASE("a drain that began after an upgrade waits for the old process, too") {
  const DemoApp one;
  const DemoApp two;
  Proxy proxy(Proxy::pool({&one, &two}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient slow(proxy.port());
  slow.send(get_request("/slow/1500"));
  REQUIRE(eventually([&] { return proxy.json("generation list")["generations"][0]["in_flight"] == 1; }));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  const auto impatient = proxy.admin("backend drain shop " + one.address() + " --wait 100ms");
  CHECK(impatient.exit_code == 4);
  CHECK(impatient.output.find("still drains") != std::string::npos);
  CHECK(proxy.process().is_running());
  CHECK(proxy.admin("backend drain shop " + one.address() + " --wait 10s").exit_code == 0);
  CHECK(slow.receive(false, 1s).body == "slow\n");
}

TEST_CASE("SIGUSR2 is an upgrade, too") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  const pid_t before = pid_of(proxy);
  proxy.process().send_signal(SIGUSR2);
  CHECK(proxy.process().wait() == 0);
  CHECK(eventually([&] { return pid_of(proxy) != before; }));
}

TEST_CASE("a process that is started by hand takes over; without another process it just starts") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const TempDir directory;
  const std::vector<std::string> command = {sluice_binary(), "run", "-c", proxy.config_path(), "--takeover"};
  Child second(command, directory.path("second"));
  CHECK(proxy.process().wait() == 0);
  REQUIRE(eventually([&] { return pid_of(proxy) == second.pid(); }));
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  second.send_signal(SIGKILL);
  second.wait();
  Child third(command, directory.path("third"));
  REQUIRE(eventually([&] { return proxy.admin("status").exit_code == 0; }));
  CHECK(pid_of(proxy) == third.pid());
  CHECK(third.output().find("no process to take over from") != std::string::npos);
  third.send_signal(SIGTERM);
  CHECK(third.wait() == 0);
}

}  // namespace
}  // namespace sluice::e2e
