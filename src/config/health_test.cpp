// What a pool's health may say.
#include <sluice/config/diff.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/test_tools.h"

namespace sluice::config {
namespace {

constexpr std::string_view kPoolStart =
    "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\nbackends = [\"127.0.0.1:9001\"]\n";

Health health(const std::string& text) {
  return valid(std::string(kPoolStart) + "health = { " + text + " }\n").pools.at("shop")->health;
}

/// Of such a file, without the file's name and line.
std::string problem(const std::string& text) {
  const std::string all = problem_of(std::string(kPoolStart) + "health = { " + text + " }\n");
  return all.starts_with("s.toml:5:") ? all.substr(9) : all;
}

/// Those of some statuses that are a success, as text.
std::string successes(const std::string& expect) {
  const auto expected = health("expect = " + expect).expect;
  std::string found;
  for (const int status : {199, 200, 204, 301, 399, 400, 404, 599, 600}) {
    if (is_expected(expected, status)) found += std::to_string(status) + " ";
  }
  return found;
}

TEST_CASE("one status, a range, or several of both are a success") {
  CHECK(successes("200") == "200 ");
  CHECK(successes("\"204\"") == "204 ");
  CHECK(successes("\"200-399\"") == "200 204 301 399 ");
  CHECK(successes("[200, \"300-399\", 404]") == "200 301 399 404 ");
  CHECK(successes("\"500-599\"") == "599 ");  // 503 among them still means draining.
}

TEST_CASE("what is no status, and 503, cannot be a success") {
  const std::string wanted =
      "pool.shop.health.expect: expected a status from 200 to 599 or a range such as "
      "\"200-399\", got ";
  CHECK(problem("expect = 199") == "21: " + wanted + "199");
  CHECK(problem("expect = 600") == "21: " + wanted + "600");
  CHECK(problem("expect = -1") == "21: " + wanted + "-1");
  for (const std::string text : {"", "-", "200-", "-299", "399-200", "200-600", "2xx", "200-300-400"}) {
    CHECK(problem("expect = \"" + text + "\"") == "21: " + wanted + "\"" + text + "\"");
  }
  CHECK(problem("expect = true") == "21: " + wanted + "a boolean");
  CHECK(problem("expect = []") == "21: " + wanted + "none");
  CHECK(problem("expect = [200, 700]") ==
        "27: pool.shop.health.expect[1]: expected a status from 200 to 599 or a range such as \"200-399\", "
        "got 700");
  CHECK(problem("expect = [200, 503]") ==
        "27: pool.shop.health.expect[1]: 503 always means draining, so it cannot be a success");
}

TEST_CASE("a probe's Host and fields are ones that cannot change what the request means") {
  const Health asked =
      health("host = \"a.example:8080\", headers = { X-Env = \"prod\", authorization = \" a b \" }");
  CHECK(asked.host == "a.example:8080");
  CHECK(asked.headers ==
        std::vector<std::pair<std::string, std::string>>{{"X-Env", "prod"}, {"authorization", "a b"}});
  CHECK(problem("host = \"a b\"") ==
        "19: pool.shop.health.host: expected a host, with or without a port, got \"a b\"");
  const auto refused = [](const std::string& name) {
    return problem("headers = { \"" + name + "\" = \"x\" }").substr(0, 4);
  };
  for (const std::string name :
       {"host", "Content-Length", "transfer-encoding", "Connection", "Upgrade", "Expect", "a b", ""}) {
    CAPTURE(name);
    CHECK(refused(name) == "24: ");
  }
  CHECK(problem("headers = { Host = \"x\" }") == "24: pool.shop.health.headers.Host: use \"host\"");
  CHECK(problem("headers = { X-A = \"x\", x-a = \"y\" }") ==
        "35: pool.shop.health.headers.x-a: is set already");
  CHECK(problem("headers = { X-A = \"a\\r\\nB: c\" }") ==
        "30: pool.shop.health.headers.X-A: expected a string without control characters");
}

TEST_CASE("a body to look for is bounded, and not nothing") {
  CHECK(health("body = \"ready\"").body == "ready");
  const std::string wrong =
      "19: pool.shop.health.body: expected 1 to 1024 bytes that the response's body contains";
  CHECK(problem("body = \"\"") == wrong);
  CHECK(problem("body = \"" + std::string(1025, 'x') + "\"") == wrong);
}

TEST_CASE("a probe by connection alone has no request") {
  CHECK(health("type = \"tcp\", port = 81").type == ProbeType::tcp);
  for (const std::string key :
       {"path = \"/\"", "expect = 200", "body = \"a\"", "host = \"a\"", "headers = {}"}) {
    CAPTURE(key);
    CHECK(problem("type = \"tcp\", " + key).ends_with(": type = \"tcp\" asks for nothing but a connection"));
  }
  CHECK(problem("type = \"udp\"") ==
        "19: pool.shop.health.type: expected one of \"http\", \"https\", \"tcp\", got \"udp\"");
}

Result<void> only_good(std::string_view pem) {
  if (pem == "good\n") return {};
  return Error{.message = "it is bad"};
}

/// The file with this health beside a file ca.pem, judged by only_good().
std::variant<Config, Problems> judged(const std::string& ca, const std::string& text) {
  std::string pattern = std::filesystem::temp_directory_path() / "sluice-config-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path folder = pattern;
  if (!ca.empty()) std::ofstream(folder / "ca.pem") << ca;
  std::ofstream(folder / "s.toml") << kPoolStart << "health = { type = \"https\", " << text << " }\n";
  auto loaded = load(folder / "s.toml", {.certificates = &only_good});
  std::filesystem::remove_all(folder);
  return loaded;
}

TEST_CASE("https has authorities of the system, or those of a file beside the configuration") {
  const Health plain = health("type = \"https\"");
  CHECK(plain.tls == ProbeTls{.verify = true});
  const auto loaded = judged("good\n", "tls = { ca = \"ca.pem\", server_name = \"Shop.Example\" }");
  REQUIRE(std::holds_alternative<Config>(loaded));
  const ProbeTls& tls = std::get<Config>(loaded).pools.at("shop")->health.tls;
  CHECK(tls.ca == "good\n");
  CHECK(tls.ca_path.starts_with("/"));
  CHECK(tls.ca_path.ends_with("/ca.pem"));
  CHECK(tls.server_name == "shop.example");
}

TEST_CASE("a file of authorities that cannot be read, or used, is told with its place") {
  const auto told = [](const std::string& ca, const std::string& text) {
    const auto loaded = judged(ca, text);
    const auto* problems = std::get_if<Problems>(&loaded);
    REQUIRE(problems != nullptr);
    const std::string all = as_error(*problems).message;
    return all.substr(all.find("s.toml"));
  };
  const std::string missing = told("", "tls = { ca = \"ca.pem\" }");
  CHECK(missing.starts_with("s.toml:5:41: pool.shop.health.tls.ca: cannot read \""));
  CHECK(missing.ends_with("/ca.pem\": No such file or directory"));
  const std::string bad = told("bad", "tls = { ca = \"ca.pem\" }");
  CHECK(bad.starts_with("s.toml:5:41: pool.shop.health.tls.ca: cannot use \""));
  CHECK(bad.ends_with("/ca.pem\": it is bad"));
}

TEST_CASE("settings of TLS that say nothing, or contradict each other, are refused") {
  CHECK(problem("tls = { verify = false }") == "18: pool.shop.health.tls: is for type = \"https\" alone");
  CHECK(problem("type = \"https\", tls = { verify = false, ca = \"a\" }") ==
        "57: pool.shop.health.tls.ca: verify = false asks for no authority");
  CHECK(problem("type = \"https\", tls = { server_name = \"a b\" }") ==
        "50: pool.shop.health.tls.server_name: expected a host name or an IP address, got \"a b\"");
  CHECK(health("type = \"https\", tls = { server_name = \"::1\" }").tls.server_name == "::1");
}

TEST_CASE("other certificates in the same file are a difference") {
  Config before = valid(std::string(kPoolStart) + "health = { type = \"https\" }\n");
  Pool pool = *before.pools.at("shop");
  pool.health.tls = {.ca_path = "/a", .ca = "one"};
  before.pools["shop"] = std::make_shared<const Pool>(pool);
  Config after = before;
  pool.health.tls.ca = "two";
  after.pools["shop"] = std::make_shared<const Pool>(pool);
  CHECK(differences(before, after) ==
        std::vector<std::string>{"~ pool shop: health.tls.ca has other certificates"});
}

TEST_CASE("a Unix socket cannot be asked at another port") {
  const std::string start =
      "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\nbackends = [\"unix:/a\"]\n";
  CHECK(problem_of(start + "health = { port = 81 }\n") ==
        "s.toml:5:19: pool.shop.health.port: unix:/a has no ports");
  CHECK(problem_of(start + "health = { path = \"/\" }\n").empty());
}

TEST_CASE("the fast interval is never above the interval") {
  CHECK(health("interval = \"1s\"").fast_interval == 200ms);
  CHECK(health("interval = \"50ms\"").fast_interval == 50ms);
  CHECK(health("interval = \"1s\", fast_interval = \"1s\"").fast_interval == 1s);
  CHECK(problem("interval = \"1s\", fast_interval = \"2s\"") ==
        "45: pool.shop.health.fast_interval: expected at most the interval, 1s");
  CHECK(health("initial_delay = \"10s\"").initial_delay == 10s);
}

}  // namespace
}  // namespace sluice::config
