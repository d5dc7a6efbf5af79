// Which program an upgrade starts: the one that the path leads to now by which the running one was started.
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "fixtures.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;

/// Two releases, and a link to the one that is to run.
struct Releases {
  Releases() {
    for (const char* number : {"1", "2"}) {
      fs::create_directories(directory.path("releases/") + number);
      fs::copy_file(sluice_binary(), binary(number));
    }
    point_to("1");
    proxy.kill();
  }
  ~Releases() {
    proxy.admin("stop");
    eventually([&] { return proxy.admin("status").exit_code != 0; });
  }
  Releases(const Releases&) = delete;
  Releases& operator=(const Releases&) = delete;

  std::string binary(const std::string& number) const {
    return directory.path("releases/" + number + "/sluice");
  }
  void point_to(const std::string& number) const {
    fs::create_symlink("releases/" + number, directory.path("next"));
    fs::rename(directory.path("next"), directory.path("current"));
  }
  Child start(const std::string& words) const {
    return Child(
        {"sh", "-c", "cd " + directory.path(".") + " && " + words + " run -c " + proxy.config_path()},
        directory.path("log"));
  }
  json::Value answer_of(const std::string& upgrade) const {
    const auto done = run({"sh", "-c",
                           "cd " + directory.path("releases") + " && " + sluice_binary() + " -s " +
                               proxy.socket_path() + " " + upgrade + " --json"});
    CHECK_MESSAGE(done.exit_code == 0, done.output);
    return json::Value::parse(done.output).value_or(json::Value());
  }
  static std::string runs(pid_t process) {
    return fs::read_symlink("/proc/" + std::to_string(process) + "/exe").string();
  }

  DemoApp app;
  Proxy proxy{Proxy::pool({&app})};
  TempDir directory;
};

TEST_CASE("an upgrade starts what the path leads to now, links and PATH included, and says what both run") {
  for (const std::string how : {"absolute", "relative", "by PATH"}) {
    CAPTURE(how);
    const Releases at;
    const std::string link = at.directory.path("current");
    Child first = at.start(how == "absolute"   ? "exec " + link + "/sluice"
                           : how == "relative" ? "exec current/sluice"
                                               : "PATH=" + link + ":$PATH; exec sluice");
    REQUIRE(eventually([&] { return at.proxy.admin("status").exit_code == 0; }));
    CHECK(Releases::runs(pid_of(at.proxy)) == at.binary("1"));
    at.point_to("2");
    const auto answer = at.answer_of("upgrade");
    CHECK(answer["pid"] == pid_of(at.proxy));
    CHECK(answer["binary"] == at.binary("2"));
    CHECK(answer["version"] == at.proxy.json("status")["version"]);
    CHECK(answer["was"]["binary"] == at.binary("1"));
    CHECK(answer["was"]["pid"] == first.pid());
    CHECK(Releases::runs(pid_of(at.proxy)) == at.binary("2"));
    at.point_to("1");
    CHECK(at.answer_of("upgrade")["binary"] == at.binary("1"));
  }
}

TEST_CASE("a binary that is named with an upgrade is looked for where the command is given") {
  const Releases at;
  Child first = at.start("exec " + at.binary("1"));
  REQUIRE(eventually([&] { return at.proxy.admin("status").exit_code == 0; }));
  CHECK(at.answer_of("upgrade --binary 2/sluice")["binary"] == at.binary("2"));
  CHECK(at.answer_of("upgrade --binary=./1/sluice")["binary"] == at.binary("1"));
  CHECK(Releases::runs(pid_of(at.proxy)) == at.binary("1"));
}

}  // namespace
}  // namespace sluice::e2e
