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
  CHECK(again.forwarding == config.forwarding);
  REQUIRE(again.listeners.size() == config.listeners.size());
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    CHECK(again.listeners[i].name == config.listeners[i].name);
    CHECK(again.listeners[i].bind == config.listeners[i].bind);
    CHECK(again.listeners[i].proxy_protocol == config.listeners[i].proxy_protocol);
  }
  REQUIRE(again.pools.size() == config.pools.size());
  for (const auto& [name, pool] : config.pools) CHECK(*again.pools.at(name) == *pool);
  CHECK(to_toml(again) == toml);
}

std::vector<Route> unusual_routes() {
  const FieldEdits edits = {.remove = {"A", "B"},
                            .set = {{"C", ""}, {"X.d", "a \"b\""}},
                            .add = {{"E", "1"}, {"E", "2"}, {"F", "3"}}};
  return {
      {.host = "*.a.example", .path = "/x", .strip_path = true, .pool = "a.b"},
      {.path = "/y",
       .path_match = PathMatch::raw,
       .rewrite_path = "/z",
       .rewrite_host = "b.example:80",
       .upgrade = {"websocket", "irc/6.9"},
       .request_fields = edits,
       .response_fields = {.remove = {"Server"}},
       .pool = "c"},
      {.path = "/old", .response_fields = edits, .redirect = Redirect{.to = "/new{target}", .status = 302}},
      {.path = "/fixed",
       .respond = FixedResponse{.status = 404, .body = "a\r\n\tb\u00e4", .content_type = "a/b"}},
      {.upgrade = {}, .pool = "c"}};
}

Health unusual_health() {
  return {.type = ProbeType::https,
          .path = "/p",
          .interval = 2s,
          .fast_interval = 1s,
          .timeout = 1s,
          .initial_delay = 3s,
          .rise = 2,
          .fall = 4,
          .expect = {{204, 204}, {300, 399}},
          .body = "a \"b\"",
          .host = "a.example:80",
          .headers = {{"A.b", "c"}, {"X-D", ""}},
          .port = 81,
          .tls = {.verify = false, .server_name = "b.example"}};
}

Server unusual_server() {
  return {.workers = 3,
          .admin_socket = "/a \"quoted\" \\path",
          .admin_socket_mode = 0660,
          .admin_socket_group = "deploy",
          .state_file = "/var/lib/s t",
          .drain_timeout = 1500ms,
          .takeover_timeout = 2500ms,
          .probation = {.time = 30s, .failures = 5, .percent = 0},
          .max_connections = 7,
          .log = {.level = LogLevel::error, .format = LogFormat::json, .path = "/l\u00f6g"},
          .access_log = AccessLog{.path = "stdout", .format = AccessLogFormat::json}};
}

/// A value other than the default everywhere.
Config unusual() {
  Config config;
  config.server = unusual_server();
  config.listeners = {{.name = "web", .bind = Address::parse("[::1]:80").value(), .proxy_protocol = true},
                      {.name = "local", .bind = Address::local("/run/w.sock")}};
  config.routes = unusual_routes();
  Pool pool = {
      .name = "a.b",
      .backends = {{.address = Address::parse("10.0.0.1:80").value(), .weight = 9, .version = "v\"1"},
                   {.address = Address::parse("[::1]:81").value()}},
      .health = unusual_health(),
      .slow_start = 30s,
      .when_all_down = WhenAllDown::try_anyway,
      .ejection = {.enabled = true,
                   .failures = 2,
                   .statuses = FailureStatuses::gateway,
                   .time = 2s,
                   .most_time = 9s,
                   .share = 20},
      .drain_header = {.name = "X-Bye", .hold = 9s},
      .queue = {.max = 0, .timeout = 0s},
      .retry = {.attempts = 9,
                .buffer_bytes = 1000,
                .non_idempotent = true,
                .idempotency_key = true,
                .attempt_timeout = 1s,
                .budget = 0,
                .budget_minimum = 1,
                .trust_idle = 0s,
                .partial_post = true,
                .hold = true,
                .hedge = 20ms},
      .timeouts = {.connect = 1ms, .response = 90s, .idle = 2h, .expect_continue = 0s, .tunnel_drain = 1s},
      .proxy_protocol = ProxyProtocol::v1,
      .keep_alive = false};
  config.pools["a.b"] = std::make_shared<Pool>(pool);
  config.pools["c"] = std::make_shared<Pool>(Pool{.name = "c", .health = {.enabled = false}});
  config.limits = {.head_bytes = 2048,
                   .headers = 1,
                   .target_bytes = 100,
                   .body_bytes = 3,
                   .body_bytes_per_second = 5,
                   .requests_per_connection = 4,
                   .connections_per_client = 6,
                   .response_head_bytes = 7168,
                   .response_headers = 8};
  config.timeouts = {
      .head = 1s, .body = 2s, .write = 3s, .idle = 4s, .tunnel = 5s, .tunnel_half_closed = 7s, .linger = 6s};
  config.forwarding = {
      .trusted_proxies = {Network::parse("10.0.0.0/8").value(), Network::parse("::1").value()},
      .trust_unix = true,
      .say_forwarded = true,
      .say_request_id = false,
      .via = ""};
  return config;
}

TEST_CASE("a configuration as TOML gives the same configuration back") {
  check_round_trip(valid(kSmallest));
  check_round_trip(unusual());
  Config named = valid(kSmallest);
  named.forwarding.via = "edge.example:8443";
  check_round_trip(named);
}

constexpr std::string_view kEveryDefault = R"([server]
workers = 2
admin_socket = "/run/sluice/admin.sock"
admin_socket_mode = "0600"
drain_timeout = "30s"
takeover_timeout = "10s"
probation = { time = "0s", failures = 10, percent = 1 }
max_connections = 20000
log = { level = "info", format = "text", path = "stderr" }

[[listener]]
name = "127.0.0.1:8080"
bind = "127.0.0.1:8080"
proxy_protocol = false

[[route]]
path = "/"
strip_path = false
upgrade = ["websocket"]
pool = "shop"

[pool."shop"]
balance = "round_robin"
backends = ["127.0.0.1:9001"]
health = { type = "http", path = "/ping", expect = 200, interval = "1s", fast_interval = "200ms", timeout = "500ms", initial_delay = "0s", rise = 1, fall = 3 }
slow_start = "0s"
when_all_down = "queue"
ejection = false
queue = { max = 1024, timeout = "5s" }
retry = { attempts = 3, buffer = "64KiB", non_idempotent = false, idempotency_key = false, attempt_timeout = "0s", budget = 20, budget_minimum = 10, trust_idle = "100ms", partial_post = false, hold = false, hedge = "0s" }
timeouts = { connect = "2s", response = "1m", idle = "1m", continue = "1s", tunnel_drain = "20s" }
proxy_protocol = "none"
keep_alive = true

[limits]
head = "32KiB"
headers = 100
target = "8KiB"
body = "none"
body_rate = "0B"
requests_per_connection = 0
connections_per_client = 0
response_head = "256KiB"
response_headers = 1000

[timeouts]
head = "10s"
body = "30s"
write = "30s"
idle = "1m"
tunnel = "1h"
tunnel_half_closed = "1m"
linger = "2s"

[forwarding]
trusted_proxies = []
forwarded = false
request_id = true
via = "sluice"

[proxy_status]
name = "sluice"
next_hop = false
forwarded = false

[recent_requests]
notable = 512
others = 256
slow = "1s"
)";

TEST_CASE("a configuration as TOML shows every default") {
  const Config config = valid("[server]\nworkers = 2\n" + std::string(kSmallest));
  CHECK(to_toml(config) == kEveryDefault);
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
  CHECK(to_toml(config).find("path = \"a\\nb\\u007f\"") != std::string::npos);
}

}  // namespace
}  // namespace sluice::config
