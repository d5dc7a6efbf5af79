// What control opens, reads, writes or notifies may never answer. It goes on all the same: probes, commands
// and signals wait for none of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// How long a command of another session takes at the least, with `trigger` just before it: what holds
/// control up does so each time, and the machine's load does not.
milliseconds answers_within(const Proxy& proxy, const std::function<void()>& trigger) {
  constexpr int kTimes = 5;
  milliseconds least = milliseconds::max();
  AdminSession other(proxy.socket_path());
  for (int i = 0; i < kTimes; ++i) {
    trigger();
    const auto begin = std::chrono::steady_clock::now();
    if (other.ask("log level") != "ok level=info") return milliseconds::max();
    least =
        std::min(least, std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin));
  }
  return least;
}

void make_fifo(const std::string& path) {
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
}

/// A pipe with a name, open for reading, and nothing reads from it.
class UnreadFifo {
 public:
  explicit UnreadFifo(const std::string& path) {
    make_fifo(path);
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(descriptor_ >= 0);
  }
  UnreadFifo(const UnreadFifo&) = delete;
  UnreadFifo& operator=(const UnreadFifo&) = delete;
  ~UnreadFifo() { ::close(descriptor_); }

 private:
  int descriptor_ = -1;
};

constexpr milliseconds kTurn = 50ms;

TEST_CASE("a file that is a pipe without another end is refused at once, wherever control opens one") {
  const DemoApp app;
  const TempDir directory;
  const std::string pipe = directory.path("pipe");
  make_fifo(pipe);
  const std::string pool = Proxy::pool({&app});
  Proxy proxy(pool);
  REQUIRE(proxy.wait_for_healthy(1));

  const std::string tls = "health = { type = \"https\", tls = { ca = \"" + pipe + "\" } }\n";
  const std::string page = "[errors]\n503 = \"" + pipe + "\"\n";
  const auto with_key = [&](const std::string& key) {
    const std::string text = read_file(proxy.config_path());
    const std::string line = key + " = { path = \"" + pipe + "\" }\n";
    write_file(proxy.config_path(), "[server]\n" + line + text.substr(text.find('\n') + 1));
  };
  const std::function<void()> ways[] = {
      [&] { proxy.write_config(Proxy::pool({&app}, tls)); },
      [&] { proxy.write_config(pool + page); },
      [&] { with_key("log"); },
      [&] { with_key("access_log"); },
      [&] { make_fifo(proxy.config_path()); },
  };
  for (const auto& make_stuck : ways) {
    make_stuck();
    AdminSession session(proxy.socket_path());
    for (const char* command : {"reload", "config diff", "config check"}) {
      const bool is_refused = std::string_view(command) == "reload";
      CHECK(answers_within(proxy, [&] { REQUIRE(session.send(command)); }) < kTurn);
      for (int i = 0; i < 5; ++i) {
        const std::string reply = session.hear();
        CHECK((reply.starts_with("error ") || (!is_refused && reply.starts_with("ok"))));
      }
    }
    CHECK(answers_within(proxy, [&] { proxy.process().send_signal(SIGHUP); }) < kTurn);
    std::filesystem::remove(proxy.config_path());
    proxy.write_config(pool);
  }
  // A process that takes over meets the same, and says so to the one that waits for it.
  make_fifo(proxy.config_path());
  AdminSession session(proxy.socket_path());
  CHECK(answers_within(proxy, [&] { REQUIRE(session.send("upgrade")); }) < kTurn);
  CHECK(session.hear().starts_with("error "));
  proxy.process().send_signal(SIGTERM);
  CHECK(proxy.process().wait(20s) == 0);
}

TEST_CASE("the state file may be a pipe: nothing of it is waited for") {
  const DemoApp app;
  const std::string pool = Proxy::pool({&app});
  Proxy proxy(pool, Proxy::StateFile::kept);
  make_fifo(proxy.state_path() + ".new");
  AdminSession session(proxy.socket_path());
  const std::string weight = "backend weight shop " + app.address() + " 7";
  CHECK(answers_within(proxy, [&] { REQUIRE(session.send(weight)); }) < kTurn);
  CHECK(session.hear().starts_with("error "));

  proxy.process().send_signal(SIGTERM);
  CHECK(proxy.process().wait(20s) == 0);
  make_fifo(proxy.state_path());
  proxy.launch();
  CHECK(proxy.process().wait(20s).value_or(0) != 0);
  CHECK(proxy.log().find("is no regular file") != std::string::npos);
}

TEST_CASE("logs that take nothing hold up neither reload nor the end") {
  const DemoApp app;
  const TempDir directory;
  const UnreadFifo access(directory.path("access"));
  const UnreadFifo log(directory.path("log"));
  const std::string pool = Proxy::pool({&app});
  Proxy proxy(pool);
  proxy.set_in_server_table("access_log", "{ path = \"" + directory.path("access") + "\" }");
  proxy.set_in_server_table("log", "{ path = \"" + directory.path("log") + "\" }");
  proxy.write_config(pool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  const std::string path = "/hello?" + std::string(1000, 'x');
  for (int i = 0; i < 200; ++i) REQUIRE(client.get(path).ok());
  AdminSession session(proxy.socket_path());
  for (int i = 0; i < 1000; ++i) REQUIRE(session.ask("reload").starts_with("ok"));

  CHECK(answers_within(proxy, [&] { proxy.process().send_signal(SIGUSR1); }) < kTurn);
  const auto use = [&](const std::string& name) {
    proxy.set_in_server_table("access_log", "{ path = \"" + directory.path(name) + "\" }");
    proxy.write_config(pool);
    REQUIRE(session.send("reload"));
  };
  int times = 0;
  const auto use_next = [&] {
    if (times > 0) CHECK(session.hear().starts_with("ok"));  // Before the file changes under its reader.
    use("other" + std::to_string(times++));
  };
  CHECK(answers_within(proxy, use_next) < kTurn);
  CHECK(session.hear().starts_with("ok"));
  CHECK(client.get("/hello").ok());
  proxy.process().send_signal(SIGTERM);
  CHECK(proxy.process().wait(20s) == 0);
}

TEST_CASE("a log that USR1 finds to be a pipe without a reader goes on in its file, and says so") {
  const DemoApp app;
  const TempDir directory;
  const std::string path = directory.path("log");
  const std::string pool = Proxy::pool({&app});
  Proxy proxy(pool);
  proxy.set_in_server_table("log", "{ path = \"" + path + "\" }");
  proxy.write_config(pool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  std::filesystem::rename(path, directory.path("old"));
  make_fifo(path);
  CHECK(answers_within(proxy, [&] { proxy.process().send_signal(SIGUSR1); }) < kTurn);
  CHECK(eventually(
      [&] { return read_file(directory.path("old")).find("log not reopened") != std::string::npos; }));
}

TEST_CASE(
    "lines that a log on a full disk loses are counted in status, and reported where they can be read") {
  const DemoApp app;
  const std::string pool = Proxy::pool({&app});
  Proxy proxy(pool);
  proxy.set_in_server_table("access_log", "{ path = \"/dev/full\" }");
  proxy.write_config(pool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (int i = 0; i < 30; ++i) REQUIRE(client.get("/hello").ok());
  CHECK(eventually([&] { return proxy.json("status")["access_log"]["lost_lines"].get<int>() == 30; }));
  CHECK(proxy.json("status")["access_log"]["cause"].get<std::string>() == "No space left on device");
  CHECK(proxy.json("status")["log"]["lost_lines"].get<int>() == 0);
  CHECK(eventually([&] { return proxy.log().find("access log lines lost") != std::string::npos; }));

  // What is lost to the log itself is reported on standard error; another access log begins no count anew.
  proxy.set_in_server_table("access_log", "{ path = \"/dev/null\" }");
  proxy.set_in_server_table("log", "{ path = \"/dev/full\" }");
  proxy.write_config(pool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(eventually([&] { return proxy.json("status")["log"]["lost_lines"].get<int>() > 0; }));
  CHECK(eventually([&] { return proxy.log().find("warning log lines lost") != std::string::npos; }));
  CHECK(proxy.json("status")["access_log"]["lost_lines"].get<int>() == 30);
}

}  // namespace
}  // namespace sluice::e2e
