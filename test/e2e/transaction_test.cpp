// Several scripts and several changes at a time: begin and commit, --if-revision, and what differs from what.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <set>
#include <thread>

#include "admin_session.h"
#include "fixtures.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// "127.0.0.1:1 127.0.0.1:2-": - for a drained one.
std::string backends_text(const Proxy& proxy) {
  std::string text;
  const auto list = proxy.json("backend list");
  for (const auto& backend : list["backends"]) {
    text += (text.empty() ? "" : " ") + backend["address"].get<std::string>();
    if (backend["state"] == "draining") text += "-";
  }
  return text;
}

TEST_CASE("begin ... commit is one generation, and one write that outlives a SIGKILL") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  AdminSession session(proxy.socket_path());
  CHECK(session.ask("begin") == "ok generation=1");
  CHECK(session.ask("backend add shop 127.0.0.1:2") == "ok pending=1");
  CHECK(session.ask("backend add shop 127.0.0.1:3 --weight 2") == "ok pending=2");
  CHECK(session.ask("backend drain shop 127.0.0.1:1") == "ok pending=3");
  CHECK(backends_text(proxy) == "127.0.0.1:1");
  CHECK(session.ask("commit") == "ok generation=2");
  proxy.kill();
  proxy.restart();
  CHECK(backends_text(proxy) == "127.0.0.1:1- 127.0.0.1:2 127.0.0.1:3");
  CHECK(generation(proxy) == 3);
}

TEST_CASE("a piped script of several commands is one session, with socat and with `sluice -`") {
  const Proxy proxy(kPool);
  const auto piped = [&](const std::string& script, const std::string& to) {
    return run({"bash", "-c", "printf '" + script + "' | " + to});
  };
  const std::string sluice = sluice_binary() + " -s " + proxy.socket_path() + " -";
  const auto swapped = piped(
      "# blue, green\\nbegin\\nbackend add shop 127.0.0.1:2\\n\\nbackend remove shop 127.0.0.1:1\\ncommit\\n",
      sluice);
  CHECK(swapped.exit_code == 0);
  CHECK(swapped.output == "ok generation=1\nok pending=1\nok pending=2\nok generation=2\n");
  CHECK(backends_text(proxy) == "127.0.0.1:2");
  const auto wrong = piped("begin\\nbackend add shop 127.0.0.1:3\\nbackend ad\\ncommit\\n", sluice);
  CHECK(wrong.exit_code == 2);
  CHECK(backends_text(proxy) == "127.0.0.1:2");
  if (run({"socat", "-V"}).exit_code == 0) {
    const auto replies = piped("begin --json\\nbackend add shop 127.0.0.1:4 --json\\ncommit --json\\n",
                               "socat -t 10 - UNIX-CONNECT:" + proxy.socket_path());
    CHECK(replies.output ==
          "{\"ok\":true,\"generation\":2}\n{\"ok\":true,\"pending\":1,\"changed\":true}\n"
          "{\"ok\":true,\"generation\":3,\"changed\":true}\n");
  }
  const auto alone = proxy.admin("begin");
  CHECK(alone.exit_code == 2);
  CHECK(alone.output.find("| sluice -") != std::string::npos);
}

TEST_CASE("nothing is left of a transaction that is aborted, that fails, or whose session ends") {
  const Proxy proxy(kPool);
  AdminSession session(proxy.socket_path());
  const auto begin = [&] {
    REQUIRE(session.ask("begin") == "ok generation=1");
    REQUIRE(session.ask("backend add shop 127.0.0.1:2") == "ok pending=1");
  };
  SUBCASE("aborted") {
    begin();
    CHECK(session.ask("abort") == "ok aborted");
    CHECK(session.ask("commit") == "error usage: there is no transaction: begin starts one");
  }
  SUBCASE("the session ends") {
    begin();
    session.close();
  }
  SUBCASE("a command failed") {
    for (const std::string& wrong :
         {std::string("backend drain shop 127.0.0.1:9"), std::string("backend ad"),
          std::string("status --nope"), std::string("backend ready shop 127.0.0.1:1 --wait 1s"),
          std::string("reload"), std::string("stop"), std::string("begin"),
          std::string("backend add shop 127.0.0.1:3 --if-revision 9")}) {
      CAPTURE(wrong);
      begin();
      CHECK(session.ask(wrong).starts_with("error "));
      CHECK(session.ask("backend add shop 127.0.0.1:4") == "ok pending=2");
      const std::string refused = "error failed: nothing was changed: a command since begin failed: ";
      CHECK(session.ask("commit").starts_with(refused));
    }
  }
  CHECK(backends_text(proxy) == "127.0.0.1:1");
  CHECK(generation(proxy) == 1);
  AdminSession next(proxy.socket_path());
  CHECK(next.ask("begin") == "ok generation=1");
  CHECK(next.ask("commit") == "ok generation=1 unchanged");
}

TEST_CASE("transactions lock no session out; two that name the same backend do not both happen") {
  const Proxy proxy(kPool);
  AdminSession one(proxy.socket_path());
  AdminSession two(proxy.socket_path());
  REQUIRE(one.ask("begin") == "ok generation=1");
  REQUIRE(two.ask("begin") == "ok generation=1");
  CHECK(one.ask("backend add shop 127.0.0.1:2") == "ok pending=1");
  CHECK(one.ask("backend drain shop 127.0.0.1:1") == "ok pending=2");
  CHECK(two.ask("backend add shop 127.0.0.1:3") == "ok pending=1");
  CHECK(proxy.admin("backend add shop 127.0.0.1:4").exit_code == 0);
  CHECK(two.ask("commit") == "ok generation=3");
  CHECK(proxy.admin("backend weight shop 127.0.0.1:1 2").exit_code == 0);
  CHECK(one.ask("commit") ==
        "error conflict: nothing was changed: backend shop 127.0.0.1:1 has been changed by another since "
        "begin");
  CHECK(backends_text(proxy) == "127.0.0.1:1 127.0.0.1:3 127.0.0.1:4");
}

TEST_CASE("every change takes --if-revision, and is refused with a conflict when another came first") {
  const Proxy proxy(kPool);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2 --if-revision 1").exit_code == 0);
  for (const std::string command :
       {"backend add shop 127.0.0.1:3", "backend remove shop 127.0.0.1:2", "backend drain shop 127.0.0.1:2",
        "backend ready shop 127.0.0.1:2", "backend weight shop 127.0.0.1:2 7", "reload", "reload --reset"}) {
    const auto late = proxy.admin(command + " --if-revision 1");
    CAPTURE(late.output);
    CHECK(late.exit_code == 5);
    CHECK(late.output == "error conflict: nothing was changed: the revision is 2, not 1\n");
  }
  CHECK(backends_text(proxy) == "127.0.0.1:1 127.0.0.1:2");
  AdminSession session(proxy.socket_path());
  CHECK(session.ask("begin --if-revision 1").starts_with("error conflict: "));
  for (const bool at_begin : {true, false}) {
    CAPTURE(at_begin);
    const std::string revision = " --if-revision " + std::to_string(generation(proxy));
    CHECK(session.ask(at_begin ? "begin" + revision : "begin").starts_with("ok "));
    CHECK(session.ask("backend add shop 127.0.0.1:5") == "ok pending=1");
    CHECK(proxy.admin("reload").exit_code == 0);
    CHECK(session.ask(at_begin ? "commit" : "commit" + revision).starts_with("error conflict: "));
  }
  CHECK(session.ask("backend add shop 127.0.0.1:5 --if-revision 4") == "ok generation=5");
  CHECK(session.ask("reload --if-revision 5") == "ok generation=6");
  CHECK(session.ask("reload --if-revision x").starts_with("error usage: "));
}

TEST_CASE("8 racing scripts with --if-revision: each loser gets a conflict, no change is lost or doubled") {
  constexpr int kScripts = 8;
  constexpr int kRounds = 5;
  Proxy proxy(kPool, Proxy::StateFile::kept);
  std::barrier together(kScripts);
  std::array<std::array<int, kScripts>, kRounds> codes{};
  const auto name = [](int script, int round) {
    return "127.0.0.1:" + std::to_string(100 + script * kRounds + round);
  };
  const auto add = [&](int script, int round, uint64_t revision) {
    return proxy.admin("backend add shop " + name(script, round) + " --if-revision " +
                       std::to_string(revision));
  };
  std::atomic<int> others{0};
  std::vector<std::thread> scripts;
  for (int script = 0; script < kScripts; ++script) {
    scripts.emplace_back([&, script] {
      for (int round = 0; round < kRounds; ++round) {
        together.arrive_and_wait();
        const uint64_t revision = generation(proxy);
        together.arrive_and_wait();  // Now all of them know the same one.
        int code = add(script, round, revision).exit_code;
        codes[static_cast<size_t>(round)][static_cast<size_t>(script)] = code;
        while (code == 5) code = add(script, round, generation(proxy)).exit_code;
        if (code != 0) ++others;
      }
    });
  }
  for (auto& script : scripts) script.join();
  CHECK(others == 0);
  for (const auto& round : codes) {
    CHECK(std::ranges::count(round, 0) == 1);
    CHECK(std::ranges::count(round, 5) == kScripts - 1);
  }
  CHECK(generation(proxy) == 1 + kScripts * kRounds);
  proxy.kill();
  proxy.restart();
  std::multiset<std::string> names;
  const auto list = proxy.json("backend list");
  for (const auto& backend : list["backends"]) names.insert(backend["address"].get<std::string>());
  CHECK(names.size() == 1 + kScripts * kRounds);
  for (int script = 0; script < kScripts; ++script) {
    for (int round = 0; round < kRounds; ++round) CHECK(names.count(name(script, round)) == 1);
  }
}

TEST_CASE("reload says what it changed, and config diff what it would change") {
  const Proxy proxy(kPool);
  CHECK(proxy.admin("reload").output == "ok generation=2\n");
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2 --weight 2").exit_code == 0);
  proxy.write_config(
      "[[listener]]\nname = \"new\"\nbind = \"unix:" + proxy.state_directory() + ".sock\"\n" +
      "[[route]]\npath = \"/a\"\npool = \"more\"\n[[route]]\npool = \"shop\"\n"
      "[pool.shop]\nbackends = [\"127.0.0.1:3\"]\nhealth = false\n[pool.more]\n[limits]\nhead = \"64KiB\"\n");
  const std::string differences = "+ listener unix:" + proxy.state_directory() +
                                  ".sock\n"
                                  "+ route /a\n"
                                  "+ pool more\n"
                                  "+ backend shop 127.0.0.1:3\n"
                                  "- backend shop 127.0.0.1:1\n"
                                  "~ limits: head = \"64KiB\" (was \"32KiB\")\n";
  const std::string admin = "admin backend shop 127.0.0.1:2 added weight=2\n";
  CHECK(proxy.admin("config diff").output == differences + admin);
  CHECK(proxy.admin("reload").output == differences + "ok generation=4\n");
  CHECK(proxy.admin("config diff").output == admin);
  CHECK(proxy.admin("config show").output.find("# backend shop 127.0.0.1:2 added weight=2\n") !=
        std::string::npos);
  const auto reset = proxy.json("reload --reset");
  CHECK(reset["differences"] == json::Value({"- backend shop 127.0.0.1:2"}));
  CHECK(
      proxy.json("config diff") ==
      json::Value({{"ok", true}, {"reload", json::Value::array()}, {"admin_changes", json::Value::array()}}));
}

}  // namespace
}  // namespace sluice::e2e
