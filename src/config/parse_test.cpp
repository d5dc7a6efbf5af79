// What valid files mean.
#include <sched.h>

#include "config/test_tools.h"

namespace sluice::config {
namespace {

Address address(std::string_view text) {
  return Address::parse(text).value();
}

TEST_CASE("the smallest useful file gets every default") {
  const Config config = valid(kSmallest);
  Server server;
  server.workers = config.server.workers;
  CHECK(config.server == server);
  CHECK(config.limits == Limits{});
  CHECK(config.timeouts == Timeouts{});
  CHECK(config.forwarding == Forwarding{});
  CHECK(config.errors.empty());
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].name == "127.0.0.1:8080");
  CHECK(config.listeners[0].bind == address("127.0.0.1:8080"));
  CHECK(config.listeners[0].where == "s.toml:2:8");
  REQUIRE(config.pools.size() == 1);
  Pool pool;
  pool.name = "shop";
  pool.backends = {{.address = address("127.0.0.1:9001")}};
  CHECK(*config.pools.at("shop") == pool);
}

TEST_CASE("with one pool and no route, everything goes to that pool") {
  const std::vector<Route> everything = {{.host = "", .path = "/", .strip_path = false, .pool = "shop"}};
  CHECK(valid(kSmallest).routes == everything);
  CHECK(valid("route = []\n" + std::string(kSmallest)).routes == everything);
}

TEST_CASE("workers default to the CPUs that the process may run on") {
  cpu_set_t cpus;
  REQUIRE(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
  const auto allowed = static_cast<unsigned>(CPU_COUNT(&cpus));
  CHECK(valid(kSmallest).server.workers == allowed);
  CHECK(valid("[server]\nworkers = 0\n" + std::string(kSmallest)).server.workers == allowed);
  CHECK(valid("[server]\nworkers = 7\n" + std::string(kSmallest)).server.workers == 7);
}

constexpr std::string_view kWhole = R"(
[server]
workers = 2
admin_socket = "/tmp/a.sock"
admin_socket_mode = "660"
admin_socket_group = "deploy"
state_file = "/tmp/s.json"
drain_timeout = "10s"
takeover_timeout = "3s"
probation = { time = "1m", failures = 3, percent = 5 }
max_connections = 500
log = { level = "debug", format = "json", path = "/var/log/sluice.log" }
access_log = { path = "/var/log/access.log", format = "json" }

[[listener]]
name = "web"
bind = "0.0.0.0:8080"
proxy_protocol = true

[[listener]]
bind = "[::]:0"

[[listener]]
bind = "unix:/run/web.sock"

[[route]]
host = "*.Shop.Example"
path = "/api"
strip_path = true
pool = "api"

[[route]]
pool = "empty"

[pool.api]
balance = "round_robin"
backends = ["10.0.0.1:80", { address = "10.0.0.2:80", weight = 1000, version = "v2+a:b" }, "unix:/run/app.sock"]
health = { path = "/up?full", interval = "2s", timeout = "1s", rise = 2, fall = 5, expect = 204 }
queue = { max = 0, timeout = "0s" }
retry = { attempts = 1, buffer = "0B", non_idempotent = true }
timeouts = { connect = "1s", response = "5m", idle = "9s", continue = "0s", tunnel_drain = "2m" }
proxy_protocol = "v2"
keep_alive = false
slow_start = "20s"
when_all_down = "try"

[pool.empty]
health = false

[limits]
head = "16KiB"
headers = 50
target = "1KiB"
body = "1MiB"
body_rate = "100B"
requests_per_connection = 1000
connections_per_client = 10
response_head = "64KiB"
response_headers = 300

[timeouts]
head = "5s"
body = "6s"
write = "7s"
idle = "8s"
tunnel = "2h"
linger = "100ms"

[forwarding]
trusted_proxies = ["10.0.0.0/8", "unix", "::1"]
forwarded = true
request_id = false
)";

TEST_CASE("the whole file reaches the values it names") {
  const Config config = valid(kWhole);
  CHECK(config.server ==
        Server{.workers = 2,
               .admin_socket = "/tmp/a.sock",
               .admin_socket_mode = 0660,
               .admin_socket_group = "deploy",
               .state_file = "/tmp/s.json",
               .drain_timeout = 10s,
               .takeover_timeout = 3s,
               .probation = {.time = 60s, .failures = 3, .percent = 5},
               .max_connections = 500,
               .log = {.level = LogLevel::debug, .format = LogFormat::json, .path = "/var/log/sluice.log"},
               .access_log = AccessLog{.path = "/var/log/access.log", .format = AccessLogFormat::json}});
  const std::vector<Listener> listeners = {
      {.name = "web", .bind = address("0.0.0.0:8080"), .proxy_protocol = true, .where = "s.toml:17:8"},
      {.name = "[::]:0", .bind = address("[::]:0"), .where = "s.toml:21:8"},
      {.name = "unix:/run/web.sock", .bind = address("unix:/run/web.sock"), .where = "s.toml:24:8"}};
  CHECK(config.listeners == listeners);
  const std::vector<Route> routes = {
      {.host = "*.shop.example", .path = "/api", .strip_path = true, .pool = "api"}, {.pool = "empty"}};
  CHECK(config.routes == routes);
  CHECK(config.limits == Limits{.head_bytes = 16384,
                                .headers = 50,
                                .target_bytes = 1024,
                                .body_bytes = 1048576,
                                .body_bytes_per_second = 100,
                                .requests_per_connection = 1000,
                                .connections_per_client = 10,
                                .response_head_bytes = 65536,
                                .response_headers = 300});
  CHECK(config.timeouts ==
        Timeouts{.head = 5s, .body = 6s, .write = 7s, .idle = 8s, .tunnel = 2h, .linger = 100ms});
  CHECK(config.forwarding ==
        Forwarding{.trusted_proxies = {Network::parse("10.0.0.0/8").value(), Network::parse("::1").value()},
                   .trust_unix = true,
                   .say_forwarded = true,
                   .say_request_id = false});
}

TEST_CASE("the whole of a pool reaches the values it names") {
  const Config config = valid(kWhole);
  REQUIRE(config.pools.size() == 2);
  const Pool api = {
      .name = "api",
      .balance = Balance{},
      .backends = {{.address = address("10.0.0.1:80")},
                   {.address = address("10.0.0.2:80"), .weight = 1000, .version = "v2+a:b"},
                   {.address = address("unix:/run/app.sock")}},
      .health =
          {.path = "/up?full", .interval = 2s, .timeout = 1s, .rise = 2, .fall = 5, .expect = {{204, 204}}},
      .slow_start = 20s,
      .when_all_down = WhenAllDown::try_anyway,
      .queue = {.max = 0, .timeout = 0s},
      .retry = {.attempts = 1, .buffer_bytes = 0, .non_idempotent = true},
      .timeouts = {.connect = 1s, .response = 5min, .idle = 9s, .expect_continue = 0s, .tunnel_drain = 2min},
      .proxy_protocol = ProxyProtocol::v2,
      .keep_alive = false};
  CHECK(*config.pools.at("api") == api);
  CHECK(*config.pools.at("empty") == Pool{.name = "empty", .health = {.enabled = false}});
}

TEST_CASE("a pool may be empty: its backends come by admin") {
  CHECK(valid("[[listener]]\nbind = \"127.0.0.1:0\"\n[pool.shop]\n").pools.at("shop")->backends.empty());
}

TEST_CASE("health = true is the default, spelled out") {
  CHECK(valid(std::string(kSmallest) + "health = true\n").pools.at("shop")->health == Health{});
}

TEST_CASE("an access log is combined unless it says otherwise") {
  CHECK(valid("[server]\naccess_log = { path = \"stdout\" }\n" + std::string(kSmallest)).server.access_log ==
        AccessLog{.path = "stdout", .format = AccessLogFormat::combined});
}

TEST_CASE("backends may hear of the client by the PROXY protocol") {
  const auto said = [](const std::string& word) {
    return valid(std::string(kSmallest) + "proxy_protocol = \"" + word + "\"\n")
        .pools.at("shop")
        ->proxy_protocol;
  };
  CHECK(said("none") == ProxyProtocol::none);
  CHECK(said("v1") == ProxyProtocol::v1);
  CHECK(said("v2") == ProxyProtocol::v2);
}

TEST_CASE("a body limit is none, or a size, which may be zero") {
  const std::string start = std::string(kSmallest) + "[limits]\nbody = ";
  CHECK_FALSE(valid(start + "\"none\"\n").limits.body_bytes.has_value());
  CHECK(valid(start + "\"0B\"\n").limits.body_bytes == 0);
}

}  // namespace
}  // namespace sluice::config
