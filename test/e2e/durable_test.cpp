// An acknowledged admin change outlives the process, however it ends; one that was refused never happened.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "admin_session.h"
#include "fixtures.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using Names = std::set<std::string>;

Names backend_names(const Proxy& proxy) {
  Names names;
  const auto list = proxy.json("backend list");
  for (const auto& backend : list["backends"]) names.insert(backend["address"].get<std::string>());
  return names;
}

std::string at(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

/// The names in the directory of the state file.
Names state_files(const Proxy& proxy) {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator(proxy.state_directory())) {
    names.insert(entry.path().filename());
  }
  return names;
}

/// A process that is killed closes one descriptor after the other. Here another program has its lock for the
/// 300 ms that this may take.
TEST_CASE("a process that starts while one that was killed still has the state file waits for it") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2").exit_code == 0);
  proxy.kill();
  const TempDir directory;
  const std::string lock = proxy.state_path() + ".lock";
  const Child dying({"flock", lock, "sleep", "0.3"}, directory.path("output"));
  REQUIRE(eventually([&] { return run({"flock", "--nonblock", lock, "true"}).exit_code != 0; }));
  proxy.restart();
  CHECK(has(proxy.admin("backend list").output, "127.0.0.1:2"));
}

TEST_CASE("a SIGKILL right after `ok` of any change: after a restart it is there") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  const auto changed = [&](const std::string& command) {
    AdminSession session(proxy.socket_path());
    CHECK(session.ask(command).starts_with("ok "));
    proxy.kill();
    proxy.restart();
    return proxy.json("backend list")["backends"];
  };
  CHECK(changed("backend add shop 127.0.0.1:2 --weight 3 --version v2")[1]["version"] == "v2");
  CHECK(changed("backend weight shop 127.0.0.1:1 5")[0]["weight"] == 5);
  CHECK(changed("backend drain shop 127.0.0.1:1")[0]["state"] == "draining");
  CHECK(changed("backend ready shop 127.0.0.1:1")[0]["state"] == "healthy");
  CHECK(changed("backend remove shop 127.0.0.1:1")[0]["address"] == "127.0.0.1:2");
  const auto bounded = changed("backend add shop 127.0.0.1:2 --max-requests 7 --priority 1 --zone a")[0];
  CHECK(bounded["max_requests"] == 7);
  CHECK(bounded["priority"] == 1);
  CHECK(bounded["zone"] == "a");
  CHECK(bounded["weight"] == 3);  // What was said before.
  // The number of a generation never means two things.
  CHECK(generation(proxy) == 13);
}

/// One script that is cut off somewhere: what it was told, and what it asked last without hearing of it.
class CutOffScript {
 public:
  CutOffScript(Names known, unsigned seed) : acknowledged(std::move(known)), random_(seed) {}

  void run(AdminSession& session) {
    while (step(session)) {
    }
  }

  Names acknowledged;
  Names unanswered;  ///< as it is if that was done, too

 private:
  /// A change of one backend, or of a few between begin and commit.
  bool step(AdminSession& session) {
    unanswered = acknowledged;
    const unsigned count = random_() % 4;
    if (count == 0) return edit(session) && done();
    if (session.ask("begin").empty()) return false;
    for (unsigned i = 0; i < count; ++i) {
      if (!edit(session)) return false;
    }
    return !session.ask("commit").empty() && done();
  }

  bool edit(AdminSession& session) {
    const std::string backend = at(2 + static_cast<int>(random_() % 30));
    const bool is_there = unanswered.contains(backend);
    if (is_there) unanswered.erase(backend);
    if (!is_there) unanswered.insert(backend);
    const std::string reply =
        session.ask((is_there ? "backend remove shop " : "backend add shop ") + backend);
    if (!reply.empty()) CHECK_MESSAGE(reply.starts_with("ok "), reply);
    return !reply.empty();
  }

  bool done() {
    acknowledged = unanswered;
    return true;
  }

  std::mt19937 random_;
};

TEST_CASE("kills at random moments leave no damaged state file and lose no acknowledged change") {
  const char* given = std::getenv("SLUICE_KILLS");
  const unsigned kills = given == nullptr ? 60 : std::min(1000U, static_cast<unsigned>(std::atoi(given)));
  Proxy proxy(kPool, Proxy::StateFile::kept);
  std::mt19937 random(4711);
  Names known = backend_names(proxy);
  size_t changes = 0;
  for (unsigned i = 0; i < kills; ++i) {
    CAPTURE(i);
    const auto moment = std::chrono::microseconds(random() % 20'000);
    AdminSession session(proxy.socket_path());
    std::jthread killer([&] {
      std::this_thread::sleep_for(moment);  // Not to wait for anything: any moment is a good one.
      proxy.process().send_signal(SIGKILL);
    });
    CutOffScript script(known, i);
    script.run(session);
    killer.join();
    proxy.process().wait();
    if (i % 4 == 3) {  // And while it starts.
      proxy.launch();
      std::this_thread::sleep_for(moment);
      proxy.kill();
    }
    proxy.restart();
    const Names now = backend_names(proxy);
    REQUIRE((now == script.acknowledged || now == script.unanswered));
    changes += now == known ? 0 : 1;
    known = now;
  }
  CHECK(changes > kills / 4);
  for (const auto& name : state_files(proxy)) CHECK_FALSE(has(name, "damaged"));
  CHECK_FALSE(has(proxy.log(), "damaged"));
}

TEST_CASE("a change that the disk does not take is refused with the reason, and nothing has changed") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2").exit_code == 0);
  const auto refused = [&](const std::string& command, const std::string& cause) {
    const auto done = proxy.admin(command);
    CAPTURE(done.output);
    CHECK(done.exit_code == 1);
    CHECK(done.output.starts_with("error failed: nothing was changed, the state file cannot keep it: "));
    CHECK(has(done.output, cause));
    CHECK(backend_names(proxy) == Names{at(1), at(2)});
    CHECK(generation(proxy) == 2);
  };
  SUBCASE("its directory is gone") {
    const std::string elsewhere = proxy.state_directory() + "-gone";
    std::filesystem::rename(proxy.state_directory(), elsewhere);
    refused("backend add shop 127.0.0.1:3", "No such file or directory");
    refused("reload --reset", "No such file or directory");
    std::filesystem::rename(elsewhere, proxy.state_directory());
  }
  SUBCASE("it is full") {
    rlimit before{};
    const auto limit = [&](rlim_t bytes) {
      const rlimit full{bytes, before.rlim_max};
      REQUIRE(prlimit(proxy.process().pid(), RLIMIT_FSIZE, &full, nullptr) == 0);
    };
    REQUIRE(prlimit(proxy.process().pid(), RLIMIT_FSIZE, nullptr, &before) == 0);
    limit(16);
    refused("backend remove shop 127.0.0.1:1", "File too large");
    limit(before.rlim_cur);
  }
  CHECK(state_files(proxy) == Names{"state.json", "state.json.lock"});
  CHECK(proxy.admin("backend add shop 127.0.0.1:3").exit_code == 0);
  proxy.kill();
  proxy.restart();
  CHECK(backend_names(proxy) == Names{at(1), at(2), at(3)});
}

TEST_CASE("a reload that changes nothing of the admin's changes needs no state file") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2").exit_code == 0);
  std::filesystem::remove_all(proxy.state_directory());
  CHECK(proxy.admin("reload").exit_code == 0);
  CHECK(generation(proxy) == 3);
  CHECK(eventually([&] { return has(proxy.log(), "warning state file not written"); }));
}

TEST_CASE("a damaged state file is set aside with an error in the log, and the proxy starts without it") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2").exit_code == 0);
  proxy.kill();
  const std::string damaged = read_file(proxy.state_path()).substr(0, 60);
  write_file(proxy.state_path(), damaged);
  proxy.restart();
  CHECK(backend_names(proxy) == Names{at(1)});
  CHECK(has(proxy.log(), "error state file damaged, starting without admin changes"));
  Names names = state_files(proxy);
  REQUIRE(names.size() == 3);
  for (const auto& name : names) {
    if (name.starts_with("state.json.damaged-"))
      CHECK(read_file(proxy.state_directory() + "/" + name) == damaged);
  }
}

TEST_CASE("a newer version's state file, and one that another process has, are left alone") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  const auto start_another = [&](const std::string& socket) {
    const TempDir directory;
    std::string toml = read_file(proxy.config_path());
    toml.replace(toml.find(proxy.socket_path()), proxy.socket_path().size(), directory.path(socket));
    write_file(directory.path("s.toml"), toml);
    return run({sluice_binary(), "run", "-c", directory.path("s.toml")});
  };
  const auto locked = start_another("a.sock");
  CHECK(locked.exit_code == 5);
  CHECK(has(locked.output, "server.state_file: another process has " + proxy.state_path()));
  proxy.kill();
  const std::string newer = "{\"version\": 5, \"something\": []}";
  write_file(proxy.state_path(), newer);
  const auto refused = start_another("a.sock");
  CHECK(refused.exit_code == 3);
  CHECK(has(refused.output, "a newer Sluice wrote it (its version is 5, this one reads 4)"));
  CHECK(read_file(proxy.state_path()) == newer);
}

TEST_CASE("a state file that cannot be there is told at the start") {
  const TempDir directory;
  write_file(directory.path("s.toml"), "[server]\nadmin_socket = \"" + directory.path("a") +
                                           "\"\nstate_file = \"/nonexistent/state\"\n" +
                                           "[[listener]]\nbind = \"127.0.0.1:0\"\n" + kPool);
  const auto done = run({sluice_binary(), "run", "-c", directory.path("s.toml")});
  CHECK(done.exit_code == 3);
  CHECK(
      has(done.output, "server.state_file: cannot open /nonexistent/state.lock: No such file or directory"));
}

TEST_CASE("what the file has caught up with disappears; what does not apply is told and kept until --reset") {
  Proxy proxy(kPool, Proxy::StateFile::kept);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:2").exit_code == 0);
  REQUIRE(proxy.admin("backend add shop 127.0.0.1:3").exit_code == 0);
  proxy.write_config("[pool.shop]\nbackends = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nhealth = false\n");
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(proxy.json("status")["changes"]["admin"] == 1);

  const std::string other = "[pool.other]\nhealth = false\n";
  proxy.write_config(other);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  const auto check_kept = [&] {
    const auto status = proxy.admin("status").output;
    CHECK(has(status, "changes admin=1 not_applying=1 state_file=" + proxy.state_path() + "\n"));
    CHECK(has(status, "not_applying backend shop 127.0.0.1:3 added cause=\"no pool \\\"shop\\\"\"\n"));
    CHECK(has(proxy.log(), "warning admin change does not apply, it is kept until reload --reset"));
  };
  check_kept();
  proxy.kill();
  proxy.restart();
  check_kept();

  proxy.write_config(kPool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(backend_names(proxy) == Names{at(1), at(3)});
  REQUIRE(proxy.admin("reload --reset").exit_code == 0);
  proxy.kill();
  proxy.restart();
  CHECK(backend_names(proxy) == Names{at(1)});
}

TEST_CASE("status says when changes end with the process") {
  const Proxy proxy(kPool);
  CHECK(has(proxy.admin("status").output,
            "changes admin=0 not_applying=0 state_file=\"none, they end with the"));
  CHECK(proxy.json("status")["changes"]["state_file"].is_null());
}

}  // namespace
}  // namespace sluice::e2e
