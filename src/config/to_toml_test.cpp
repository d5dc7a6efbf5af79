// A Config as TOML is a file again.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

/// As parse() of its own TOML gives it; `where` is another file's business.
void check_round_trip(const Config& config) {
  const std::string toml = to_toml(config);
  CAPTURE(toml);
  const Config again = valid(toml);
  CHECK(again.server == config.server);
  CHECK(again.routes == config.routes);
  CHECK(again.limits == config.limits);
  CHECK(again.timeouts == config.timeouts);
  REQUIRE(again.listeners.size() == config.listeners.size());
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    CHECK(again.listeners[i].name == config.listeners[i].name);
    CHECK(again.listeners[i].bind == config.listeners[i].bind);
  }
  REQUIRE(again.pools.size() == config.pools.size());
  for (const auto& [name, pool] : config.pools) CHECK(*again.pools.at(name) == *pool);
  CHECK(to_toml(again) == toml);
}

/// A value other than the default everywhere.
Config unusual() {
  Config config;
  config.server = {.workers = 3,
                   .admin_socket = "/a \"quoted\" \\path",
                   .drain_timeout = 1500ms,
                   .max_connections = 7,
                   .log = {.level = LogLevel::error, .format = LogFormat::json, .path = "/l\u00f6g"}};
  config.listeners = {{.name = "web", .bind = Address::parse("[::1]:80").value()},
                      {.name = "local", .bind = Address::local("/run/w.sock")}};
  config.routes = {{.host = "*.a.example", .path = "/x", .strip_path = true, .pool = "a.b"}, {.pool = "c"}};
  Pool pool = {
      .name = "a.b",
      .backends = {{.address = Address::parse("10.0.0.1:80").value(), .weight = 9, .version = "v\"1"},
                   {.address = Address::parse("[::1]:81").value()}},
      .health = {.path = "/p", .interval = 2s, .timeout = 1s, .rise = 2, .fall = 4, .expect = 204},
      .queue = {.max = 0, .timeout = 0s},
      .retry = {.attempts = 9, .buffer_bytes = 1000, .non_idempotent = true},
      .timeouts = {.connect = 1ms, .response = 90s, .idle = 2h}};
  config.pools["a.b"] = std::make_shared<Pool>(pool);
  config.pools["c"] = std::make_shared<Pool>(Pool{.name = "c", .health = {.enabled = false}});
  config.limits = {.head_bytes = 2048, .headers = 1, .body_bytes = 3, .requests_per_connection = 4};
  config.timeouts = {.head = 1s, .body = 2s, .write = 3s, .idle = 4s};
  return config;
}

TEST_CASE("a configuration as TOML gives the same configuration back") {
  check_round_trip(valid(kSmallest));
  check_round_trip(unusual());
}

TEST_CASE("a configuration as TOML shows every default") {
  const Config config = valid("[server]\nworkers = 2\n" + std::string(kSmallest));
  CHECK(to_toml(config) == R"([server]
workers = 2
admin_socket = "/run/sluice/admin.sock"
drain_timeout = "30s"
max_connections = 20000
log = { level = "info", format = "text", path = "stderr" }

[[listener]]
name = "127.0.0.1:8080"
bind = "127.0.0.1:8080"

[[route]]
path = "/"
strip_path = false
pool = "shop"

[pool."shop"]
balance = "round_robin"
backends = ["127.0.0.1:9001"]
health = { path = "/ping", interval = "1s", timeout = "500ms", rise = 1, fall = 3, expect = 200 }
queue = { max = 1024, timeout = "5s" }
retry = { attempts = 3, buffer = "64KiB", non_idempotent = false }
timeouts = { connect = "2s", response = "1m", idle = "1m" }

[limits]
head = "32KiB"
headers = 100
body = "none"
requests_per_connection = 0

[timeouts]
head = "10s"
body = "30s"
write = "30s"
idle = "1m"
)");
}

TEST_CASE("an admin's drain, which no key can say, is told in a comment") {
  Config config = valid(kSmallest);
  Pool pool = *config.pools.at("shop");
  pool.backends[0].drain = true;
  config.pools["shop"] = std::make_shared<Pool>(pool);
  const std::string toml = to_toml(config);
  CHECK(toml.find("backends = [\"127.0.0.1:9001\"]\n# draining: 127.0.0.1:9001\n") != std::string::npos);
  CHECK_FALSE(valid(toml).pools.at("shop")->backends[0].drain);
}

TEST_CASE("a control byte in a value cannot break the TOML") {
  Config config = valid(kSmallest);
  config.server.log.path = "a\nb\x7f";
  CHECK(to_toml(config).find("path = \"a\\u000ab\\u007f\"") != std::string::npos);
}

}  // namespace
}  // namespace sluice::config
