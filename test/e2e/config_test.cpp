// Every mistake in a configuration has a clear message of its own, and exit code 3.
#include <sys/socket.h>

#include "fixtures.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

const std::string kListener = "[[listener]]\nbind = \"127.0.0.1:0\"\n";

Finished sluice(const std::string& subcommand, const std::string& toml) {
  const TempDir directory;
  const std::string path = directory.path("s.toml");
  write_file(path, "[server]\nadmin_socket = \"" + directory.path("a.sock") + "\"\n" + toml);
  auto done = run({sluice_binary(), subcommand, "-c", path});
  // The messages without the directory's name.
  for (auto at = done.output.find(path); at != std::string::npos; at = done.output.find(path)) {
    done.output.replace(at, path.size(), "s.toml");
  }
  return done;
}

TEST_CASE("check and run refuse a broken configuration with file, line and column") {
  struct Mistake {
    std::string toml;
    std::string message;
  };
  const std::vector<Mistake> mistakes = {
      {kListener + "[pool.a\n", "s.toml:5:8: not valid TOML: "},
      {kListener + "[pool.a]\nbackend = []\n",
       "s.toml:6:1: pool.a.backend: unknown key, did you mean \"backends\"?"},
      {kListener + "[pool.a]\nbackends = [\"127.0.0.1\"]\n",
       "s.toml:6:13: pool.a.backends[0]: \"127.0.0.1\" is not an address: expected IP:PORT"},
      {kListener + "[pool.a]\n[pool.a]\n", "s.toml:6:"},
      {kListener + "[pool.a]\n[[route]]\npool = \"b\"\n", "s.toml:7:8: route[0].pool: there is no [pool.b]"},
      {"[pool.a]\n", "s.toml: no [[listener]]"},
      {kListener + "[pool.a]\nhealth = { interval = 5 }\n",
       "s.toml:6:23: pool.a.health.interval: expected a duration such as \"500ms\" or \"30s\", got an "
       "integer"},
      {kListener + "tls = {}\n[pool.a]\n", "listener[0].tls: not available in this version of Sluice"},
  };
  for (const auto& [toml, message] : mistakes) {
    CAPTURE(toml);
    for (const std::string subcommand : {"check", "run"}) {
      const auto done = sluice(subcommand, toml);
      CAPTURE(done.output);
      CHECK(done.exit_code == 3);
      CHECK(done.output.find(message) != std::string::npos);
    }
  }
}

TEST_CASE("all mistakes of a file are told in one go") {
  const auto done =
      sluice("check", "[[listener]]\nbind = \"nowhere\"\n[pool.a]\nbalance = \"magic\"\nqueue = 5\n");
  CHECK(done.exit_code == 3);
  CHECK(done.output.find("s.toml:4:8: listener[0].bind: ") != std::string::npos);
  CHECK(done.output.find("s.toml:6:11: pool.a.balance: expected one of \"round_robin\", ") !=
        std::string::npos);
  CHECK(done.output.find("s.toml:7:9: pool.a.queue: expected a table, got an integer") != std::string::npos);
}

TEST_CASE("a file that is not there is told") {
  for (const std::string subcommand : {"check", "run"}) {
    const auto done = run({sluice_binary(), subcommand, "-c", "/nonexistent/s.toml"});
    CHECK(done.exit_code == 3);
    CHECK(done.output == "/nonexistent/s.toml: cannot read it: No such file or directory\n");
  }
}

TEST_CASE("a port in use is told with the place of the listener, even when another Sluice has it") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  for (const std::string& taken : {app.address(), proxy.address()}) {
    const auto done = sluice("run", "[[listener]]\nbind = \"" + taken + "\"\n[pool.a]\n");
    CHECK(done.exit_code == 3);
    CHECK(done.output.find("s.toml:4:8: listener.bind: cannot listen on " + taken + ": ") !=
          std::string::npos);
  }
}

TEST_CASE("check prints what a valid file would do") {
  const auto done =
      sluice("check", kListener + "[pool.shop]\nbackends = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n");
  CHECK(done.exit_code == 0);
  CHECK(done.output ==
        "s.toml: valid\nlisten on 127.0.0.1:0\nroute any host / to pool shop\npool shop with 2 backends, "
        "probe: GET /ping every 1s, expects 200\n");
}

TEST_CASE("check says where each route leads, counts names, and its warnings are no errors") {
  const Finished done = sluice(
      "check",
      kListener +
          "[[route]]\npath = \"/old\"\nredirect = { to = \"https://a.example{target}\" }\n"
          "[[route]]\npath = \"/teapot\"\nrespond = { status = 418 }\n"
          "[[route]]\npool = \"a\"\n[pool.a]\nbackends = [\"app.example:80\"]\n[pool.b]\nbackends = []\n");
  CHECK(done.exit_code == 0);
  for (const char* words : {"redirected to https://a.example", "answered with 418", "pool a with 1 name,",
                            "warning: pool.b: it has no backends", "warning: pool.b: no route"}) {
    INFO(words);
    CHECK(done.output.find(words) != std::string::npos);
  }
}

TEST_CASE("check warns of a group that this system does not have, which run refuses") {
  const std::string file =
      "admin_socket_group = \"no-such-group\"\n" + kListener + "[pool.shop]\nbackends = [\"127.0.0.1:1\"]\n";
  const Finished checked = sluice("check", file);
  CHECK(checked.exit_code == 0);
  CHECK(checked.output.find("warning: server.admin_socket_group: no group \"no-such-group\"") !=
        std::string::npos);
  CHECK(sluice("run", file).exit_code == 3);
}

TEST_CASE("usage errors exit with 2, help and version with 0") {
  CHECK(run({sluice_binary(), "run"}).exit_code == 2);
  CHECK(run({sluice_binary(), "run", "--help"}).exit_code == 0);
  CHECK(run({sluice_binary(), "--help"}).output.find("usage:") != std::string::npos);
  CHECK(run({sluice_binary(), "--version"}).output.starts_with("sluice "));
  CHECK(run({sluice_binary()}).exit_code == 2);
  CHECK(run({sluice_binary(), "--nonsense"}).exit_code == 2);
}

}  // namespace
}  // namespace sluice::e2e
