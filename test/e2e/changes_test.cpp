// The admin socket: backends come and go under load, and each command says what came of it.
#include <algorithm>
#include <sstream>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("500 times add, drain --wait and remove under load: nothing fails and nothing grows") {
  const DemoApp steady;
  const DemoApp coming;
  Proxy proxy(Proxy::pool({&steady}));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  LoopingClient posts(proxy.port(), 4, post_request("/echo", "once"));
  const std::string backend = "shop " + coming.address();
  const auto once = [&] {
    REQUIRE(proxy.admin("backend add " + backend + " --wait 10s").exit_code == 0);
    REQUIRE(proxy.admin("backend drain " + backend + " --wait 10s").exit_code == 0);
    REQUIRE(proxy.admin("backend remove " + backend + " --wait 10s").exit_code == 0);
  };
  for (int i = 0; i < 50; ++i) once();
  const size_t memory = proxy.process().resident_bytes();
  const size_t descriptors = proxy.process().descriptors();
  for (int i = 0; i < 450; ++i) once();
  CHECK(proxy.process().resident_bytes() < memory + (size_t{4} << 20));
  CHECK(proxy.process().descriptors() < descriptors + 20);
  gets.stop();
  posts.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(gets.ok() + posts.ok() > 1000);
  CHECK(proxy.json("generation list")["generations"].size() == 1);
}

TEST_CASE(
    "a drain is a barrier, 1,000 times: the backend's own log shows no request that began after drain --wait "
    "has answered [tsan]") {
  const DemoApp steady;
  const DemoApp drained({.log = true});
  const Proxy proxy(Proxy::pool({&steady, &drained}));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 6, get_request("/hello"));
  LoopingClient posts(proxy.port(), 2, post_request("/echo", "once"));
  const auto requests_since = [&](size_t from) {
    const auto lines = drained.log(from);
    return std::ranges::count_if(lines, [](const auto& line) { return !line.ends_with("/ping"); });
  };
  AdminSession session(proxy.socket_path());
  const int cycles = under_sanitizer() ? 50 : 1000;
  size_t at_the_answer = 0;
  for (int i = 0; i < cycles; ++i) {
    REQUIRE(eventually([&] { return requests_since(at_the_answer) > 0; }));
    REQUIRE(session.ask("backend drain shop " + drained.address() + " --wait 10s").starts_with("ok "));
    at_the_answer = drained.log_bytes();
    const uint64_t served = gets.ok();
    REQUIRE(eventually([&] { return gets.ok() > served + 20; }));
    REQUIRE(requests_since(at_the_answer) == 0);
    REQUIRE(session.ask("backend ready shop " + drained.address() + " --wait 10s").starts_with("ok "));
  }
  gets.stop();
  posts.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(gets.told_to_close() + posts.told_to_close() == 0);
}

TEST_CASE("a drained backend finishes what it has and gets nothing new") {
  const DemoApp one;
  const DemoApp two;
  const Proxy proxy(Proxy::pool({&one}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(get_request("/slow/700"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  CHECK(proxy.admin("backend add shop " + two.address() + " --version v2 --wait 10s").exit_code == 0);
  const auto too_short = proxy.admin("backend drain shop " + one.address() + " --wait 50ms");
  CHECK(too_short.exit_code == 4);
  CHECK(too_short.output.find("1 request is still in flight") != std::string::npos);
  CHECK(proxy.state_of(one) == "draining");
  CHECK(client.receive().body == "slow\n");
  CHECK(proxy.admin("backend remove shop " + one.address() + " --wait 10s").exit_code == 0);
  CHECK(proxy.state_of(one) == "gone");
  CHECK(client.get("/hello").ok());
}

TEST_CASE("requests that wait for a backend get the one that an admin adds") {
  DemoApp dead;
  dead.kill();
  const DemoApp fresh;
  const Proxy proxy(Proxy::pool({&dead}, "queue = { timeout = \"20s\" }\n"));
  RawClient client(proxy.port());
  client.send(get_request("/hello"));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
  CHECK(proxy.admin("backend add shop " + fresh.address()).exit_code == 0);
  CHECK(client.receive().ok());
}

TEST_CASE("admin changes stay over a reload, until --reset") {
  const DemoApp one;
  const DemoApp two;
  const Proxy proxy(Proxy::pool({&one}));
  REQUIRE(proxy.admin("backend add shop " + two.address() + " --weight 3 --wait 10s").exit_code == 0);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(proxy.state_of(two) == "healthy");
  CHECK(proxy.json("backend list")["backends"][1]["weight"] == 3);
  REQUIRE(proxy.admin("reload --reset").exit_code == 0);
  CHECK(proxy.state_of(two) == "gone");
}

TEST_CASE("each command says what came of it, in text and in JSON, with its exit code [tsan]") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  struct Expectation {
    std::string command;
    int exit_code;
    std::string output;
  };
  const std::vector<Expectation> expectations = {
      {"help", 0, "backend add POOL ADDRESS"},
      {"status", 0, "generation=1"},
      {"pool list", 0, "shop balance=round_robin healthy=1/1"},
      {"backend list shop", 0, app.address() + " healthy weight=1"},
      {"generation list", 0, "1 current cause=start"},
      {"config show", 0, "[pool.\"shop\"]"},
      {"config check", 0, "ok file="},
      {"backend weight shop " + app.address() + " 5", 0, "ok generation=2"},
      {"backend weight shop " + app.address() + " 5", 0, "ok generation=2 unchanged"},
      {"backend drain shop " + app.address(), 0, "ok generation=3"},
      {"backend add shop " + app.address(), 0, "ok generation=3 unchanged draining"},
      {"backend add shop " + app.address() + " --json", 0, "\"draining\":true"},
      {"backend add shop " + app.address() + " --wait 1s", 5, "`backend ready` undoes that"},
      {"backend list shop", 0, app.address() + " draining weight=5"},
      {"backend ready shop " + app.address() + " --wait 10s", 0, "ok generation=4"},
      {"backend weight shop " + app.address() + " 5000", 2, "error usage: expected a weight from 0 to 1000"},
      {"backend weight shop " + app.address() + " x", 2, "error usage: expected a weight from 0 to 1000"},
      {"backend list nowhere", 8, "error not_found: no pool \"nowhere\""},
      {"backend drain shop 127.0.0.1:1", 8, "error not_found: no backend 127.0.0.1:1 in pool \"shop\""},
      {"backend add shpo 127.0.0.1:1", 8, "did you mean \"shop\"?"},
      {"backend add shop nonsense", 2, "error usage: \"nonsense\" is not an address"},
      {"backend add shop 127.0.0.1:1 --wait 100ms", 4, "error timed_out: it is in the pool, but"},
      {"backend add shop 127.0.0.1:1 --priority 10", 2, "error usage: expected a priority from 0 to 9"},
      {"backend add shop 127.0.0.1:1 --max-requests x", 2, "error usage: expected --max-requests NUMBER"},
      {"backend ad shop", 2, "unknown command \"backend ad\", did you mean \"backend add\"?"},
      {"backend add shop", 2, "error usage: expected: backend add POOL ADDRESS"},
      {"status --jsn", 2, "unknown option --jsn"},
  };
  for (const auto& [command, exit_code, output] : expectations) {
    const auto done = proxy.admin(command);
    CAPTURE(command);
    CAPTURE(done.output);
    CHECK(done.exit_code == exit_code);
    CHECK(done.output.find(output) != std::string::npos);
  }
  const auto error = proxy.json("backend list nowhere");
  CHECK(error["ok"] == false);
  CHECK(error["error"] == "not_found");
}

TEST_CASE("several commands follow on one connection, and a script needs no more than a socket") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  const auto done = run({"python3", "-c",
                         "import socket,sys\n"
                         "s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                         "s.sendall(b'pool list\\nnonsense\\nstatus --json\\n'); s.shutdown(socket.SHUT_WR)\n"
                         "data=b''\n"
                         "while True:\n"
                         "  part=s.recv(65536)\n"
                         "  if not part: break\n"
                         "  data+=part\n"
                         "print(data.decode())\n",
                         proxy.socket_path()});
  CHECK(done.output.find("ok\nerror usage: unknown command \"nonsense\"") != std::string::npos);
  CHECK(done.output.find("{\"ok\":true,\"version\"") != std::string::npos);
}

TEST_CASE("the admin socket is its owner's alone, and a live one refuses a second process") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  CHECK(run({"stat", "-c", "%a", proxy.socket_path()}).output == "600\n");
  const auto second = run({sluice_binary(), "run", "-c", proxy.config_path()});
  CHECK(second.exit_code == 5);
  CHECK(second.output.find("another process is listening on unix:") != std::string::npos);
  const auto unanswered = run({sluice_binary(), "-s", proxy.socket_path() + ".not", "status"});
  CHECK(unanswered.exit_code == 69);
}

TEST_CASE(
    "a backend that left and came back still counts what it had: no drain answers before it has ended") {
  const DemoApp one;
  const DemoApp two;
  Proxy proxy(Proxy::pool({&one}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(get_request("/slow/1500"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  REQUIRE(proxy.admin("backend add shop " + two.address() + " --wait 10s").exit_code == 0);
  const std::string backend = "shop " + one.address();
  CHECK(proxy.admin("backend remove " + backend + " --wait 50ms").exit_code == 4);
  CHECK(proxy.admin("backend remove " + backend + " --wait 50ms").exit_code == 4);  // Nor when asked again.
  REQUIRE(proxy.admin("backend add " + backend).exit_code == 0);
  CHECK(proxy.admin("backend drain " + backend + " --wait 50ms").exit_code == 4);
  CHECK(proxy.admin("backend drain " + backend + " --wait 10s").exit_code == 0);
  CHECK(client.receive().body == "slow\n");
}

TEST_CASE("ready --wait believes only a probe that came after it") {
  const DemoApp steady;
  DemoApp swapped;
  Proxy proxy(Proxy::pool({&steady, &swapped}, "health = { interval = \"10s\", timeout = \"1s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  const std::string backend = "shop " + swapped.address();
  REQUIRE(proxy.admin("backend drain " + backend + " --wait 10s").exit_code == 0);
  swapped.kill();
  CHECK(proxy.admin("backend ready " + backend + " --wait 300ms").exit_code == 4);
  REQUIRE(proxy.admin("backend drain " + backend + " --wait 10s").exit_code == 0);
  swapped.restart();
  CHECK(proxy.admin("backend ready " + backend + " --wait 10s").exit_code == 0);
  CHECK(proxy.state_of(swapped) == "healthy");
}

TEST_CASE("an attempt that fails after its backend was removed harms no other [tsan]") {
  for (int i = 0; i < 5; ++i) {
    const DemoApp steady;
    DemoApp doomed;
    Proxy proxy(Proxy::pool({&doomed}));
    REQUIRE(proxy.wait_for_healthy(1));
    RawClient get(proxy.port());
    RawClient post(proxy.port());
    get.send(get_request("/slow/1000"));
    post.send(post_request("/slow/1000", "once"));
    REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 2; }));
    REQUIRE(proxy.admin("backend add shop " + steady.address() + " --wait 10s").exit_code == 0);
    REQUIRE(proxy.admin("backend remove shop " + doomed.address()).exit_code == 0);
    doomed.kill();
    CHECK(post.receive().status == 502);
    CHECK(get.receive(false, 30s).ok());  // Tried again elsewhere.
    CHECK(RawClient(proxy.port()).get("/hello").ok());
    CHECK(eventually([&] { return proxy.json("generation list")["generations"].size() == 1; }));
  }
}

TEST_CASE("options that mean nothing to a command are refused, and a stopping proxy takes no changes") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string backend = "shop " + app.address();
  CHECK(proxy.admin("backend weight " + backend + " 3 --wait 1s").exit_code == 2);
  CHECK(proxy.admin("backend remove " + backend + " --weight 3").exit_code == 2);
  RawClient client(proxy.port());
  client.send(get_request("/slow/1000"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  REQUIRE(proxy.admin("stop").exit_code == 0);
  CHECK(proxy.admin("reload").exit_code == 5);
  CHECK(proxy.admin("backend drain " + backend).exit_code == 5);
  CHECK(client.receive().ok());
  CHECK(proxy.process().wait(10s) == 0);
}

}  // namespace
}  // namespace sluice::e2e
