// The command line by itself: what needs no process to answer, where options may stand, and how long it
// waits.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "fixtures.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

Finished sluice(const std::string& arguments) {
  return run({"bash", "-c", sluice_binary() + " " + arguments});
}

bool prints(const Finished& finished, const std::string& text) {
  return finished.output.find(text) != std::string::npos;
}

/// Listens on a Unix socket, and at most says one thing to each client.
class FakeSocket {
 public:
  explicit FakeSocket(const std::string& answer) : path_(directory_.path("s")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 0) == 0);
    if (answer.empty()) return;
    answering_ = std::thread([this, answer] {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      char buffer[4096];
      if (recv(client, buffer, sizeof buffer, 0) > 0)
        send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    });
  }
  ~FakeSocket() {
    shutdown(listener_, SHUT_RDWR);
    if (answering_.joinable()) answering_.join();
    ::close(listener_);
  }
  FakeSocket(const FakeSocket&) = delete;
  FakeSocket& operator=(const FakeSocket&) = delete;
  const std::string& path() const { return path_; }

 private:
  TempDir directory_;
  std::string path_;
  int listener_ = -1;
  std::thread answering_;
};

TEST_CASE("help, version and mistakes need no process that answers") {
  const std::string nowhere = "-s /nowhere/s ";
  CHECK(prints(sluice(nowhere + "help"), "backend drain POOL ADDRESS"));
  CHECK(sluice(nowhere + "help").exit_code == 0);
  CHECK(prints(sluice(nowhere + "help pool"), "pool pause POOL"));
  CHECK_FALSE(prints(sluice(nowhere + "help pool"), "backend drain"));
  CHECK(prints(sluice(nowhere + "backend drain --help"), "backend drain POOL ADDRESS"));
  CHECK(sluice(nowhere + "status --help").exit_code == 0);
  CHECK(sluice(nowhere + "version").output == sluice("--version").output);
  CHECK(sluice(nowhere + "version").exit_code == 0);
  for (const std::string wrong :
       {"statsu", "backend", "backend lits", "pool show", "backend list --wait 1s",
        "backend drain shop 127.0.0.1:1 --wiat 30s", "no such --help", "--verison"}) {
    CAPTURE(wrong);
    const auto refused = sluice(nowhere + wrong);
    CHECK(refused.exit_code == 2);
    CHECK_FALSE(prints(refused, "no process listens"));
    CHECK_FALSE(prints(refused, "did you mean \"\""));
  }
  CHECK(prints(sluice(nowhere + "statsu"), "did you mean \"status\"?"));
  CHECK(prints(sluice(nowhere + "backend drain shop 127.0.0.1:1 --wiat 30s"), "did you mean --wait?"));
  const auto unanswered = sluice(nowhere + "status");
  CHECK(unanswered.exit_code == 69);
  CHECK(prints(unanswered, "no process listens on /nowhere/s"));
}

TEST_CASE("options may stand anywhere, with a space or an equals sign") {
  const Proxy proxy(kPool);
  const std::string socket = proxy.socket_path();
  for (const std::string& given :
       {"-s " + socket + " status", "status -s " + socket, "status --socket=" + socket,
        "--socket " + socket + " status", "status -s" + socket}) {
    CAPTURE(given);
    CHECK(sluice(given).exit_code == 0);
  }
  const std::string file = proxy.config_path();
  for (const std::string& given : {"check -c " + file, "check --config=" + file, "-c " + file + " check"}) {
    CAPTURE(given);
    CHECK(sluice(given).exit_code == 0);
  }
  CHECK(sluice("check --config=").exit_code == 2);
  CHECK(prints(sluice("check --confg=" + file + " -c " + file), "did you mean --config?"));
  CHECK(sluice("status -c " + file + " -s " + socket).exit_code == 2);
  // In place of the process that runs.
  const TempDir directory;
  Child next({sluice_binary(), "run", "--takeover", "-c", file}, directory.path("log"));
  CHECK(eventually([&] { return proxy.json("status")["pid"] == next.pid(); }));
}

TEST_CASE("a script may ask for JSON as a whole, and one by itself is a mistake") {
  const Proxy proxy(kPool);
  const std::string script =
      "printf 'status\\nbackend list\\n' | " + sluice_binary() + " -s " + proxy.socket_path();
  for (const std::string options : {" - --json", " --json -"}) {
    const auto listed = run({"bash", "-c", script + options + " | grep -c '^{\"ok\":true'"});
    CHECK(listed.output == "2\n");
  }
}

TEST_CASE("lists in a pipe are their lines alone, and the mistakes of a reload are on stderr") {
  const Proxy proxy(kPool);
  const std::string sluice_s = sluice_binary() + " -s " + proxy.socket_path();
  CHECK(run({"bash", "-c", sluice_s + " backend list | wc -l"}).output == "1\n");
  CHECK(run({"bash", "-c", sluice_s + " events --since 1000000 >/dev/null; echo $?"}).output == "0\n");
  CHECK(proxy.admin("backend drain shop 127.0.0.1:1").output == "ok generation=2\n");
  proxy.write_config("[pool.shop]\nbackend = []\nhealht = false\n");
  const auto out = run({"bash", "-c", sluice_s + " reload 2>/dev/null"});
  CHECK(out.output.empty());
  CHECK(out.exit_code == 3);
  const auto both = run({"bash", "-c", sluice_s + " reload 2>&1 >/dev/null"});
  CHECK(prints(both, "did you mean \"health\"?"));
  CHECK(prints(both, "error invalid_config: "));
}

TEST_CASE("on a terminal a list has a header") {
  if (run({"script", "--version"}).exit_code != 0) return;
  const Proxy proxy(kPool);
  const auto listed =
      run({"script", "-qec", sluice_binary() + " -s " + proxy.socket_path() + " backend list", "/dev/null"});
  CHECK(listed.output.starts_with("POOL  ADDRESS      STATE"));
  CHECK(prints(listed, "shop  127.0.0.1:1  healthy"));
}

TEST_CASE("a process that hangs is an error after a while, not a wait for ever") {
  const FakeSocket silent("");
  const auto hung = run({sluice_binary(), "-s", silent.path(), "status"});
  CHECK(hung.exit_code == 69);
  CHECK(prints(hung, "does not answer"));
}

TEST_CASE("answers that are none of Sluice's are errors") {
  for (const std::string answer :
       {R"({"ok":false,"error":7,"message":1})", R"({"ok":"yes","error":null})", "[]",
        R"({"ok":false,"error":{"a":[]}})", R"({"number":"x"})", "{", "null"}) {
    CAPTURE(answer);
    const FakeSocket fake(answer + "\n");
    const auto asked = run({sluice_binary(), "-s", fake.path(), "status", "--json"});
    CHECK((asked.exit_code == 1 || asked.exit_code == 69));
  }
}

TEST_CASE("to have no permission is an error of its own") {
  if (geteuid() != 0) return;  // Only root can become somebody else.
  const FakeSocket fake("");
  REQUIRE(run({"chmod", "755", fake.path().substr(0, fake.path().rfind('/'))}).exit_code == 0);
  REQUIRE(run({"chmod", "600", fake.path()}).exit_code == 0);
  const TempDir directory;
  const auto become = run({"setpriv", "--reuid=65534", "true"});
  if (become.exit_code != 0) return;
  const auto refused =
      run({"setpriv", "--reuid=65534", "--clear-groups", sluice_binary(), "-s", fake.path(), "status"});
  if (refused.exit_code == 126 || refused.exit_code == 127) return;  // It may not even read the program.
  CHECK(refused.exit_code == 9);
  CHECK(refused.output.starts_with("error denied: "));
}

}  // namespace
}  // namespace sluice::e2e
