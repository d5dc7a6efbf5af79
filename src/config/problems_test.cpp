// Every mistake has one message: its place, its key, what was expected and what was found.
#include "config/document.h"
#include "config/test_tools.h"

namespace sluice::config {
namespace {

constexpr std::string_view kAnyPort = "[[listener]]\nbind = \"127.0.0.1:0\"\n";

TEST_CASE("mistakes in [server]") {
  check("[server]",
        {{"workers = 257", "2:11: server.workers: expected a whole number from 0 to 256, got 257"},
         {"workers = -1", "2:11: server.workers: expected a whole number from 0 to 256, got -1"},
         {"workers = \"2\"", "2:11: server.workers: expected a whole number from 0 to 256, got a string"},
         {"workers = 1.5", "2:11: server.workers: expected a whole number from 0 to 256, got a float"},
         {"admin_socket = true", "2:16: server.admin_socket: expected a string, got a boolean"},
         {"state_file = \"\"",
          "2:14: server.state_file: expected the path of a file, such as \"/var/lib/sluice/state.json\""},
         {"state_file = \"/var/lib/\"",
          "2:14: server.state_file: expected the path of a file, such as \"/var/lib/sluice/state.json\""},
         {"admin_socket = \"\"",
          "2:16: server.admin_socket: expected the path of a Unix socket, of 1 to 107 bytes"},
         {"admin_socket_mode = 660", "2:21: server.admin_socket_mode: expected a string, got an integer"},
         {"admin_socket_mode = \"rw-rw----\"",
          "2:21: server.admin_socket_mode: expected permissions from \"0600\" to \"0777\", such as \"0660\", "
          "got rw-rw----"},
         {"admin_socket_mode = \"0060\"",
          "2:21: server.admin_socket_mode: expected permissions from \"0600\" to \"0777\", such as \"0660\", "
          "got 0060"},
         {"admin_socket_mode = \"1777\"",
          "2:21: server.admin_socket_mode: expected permissions from \"0600\" to \"0777\", such as \"0660\", "
          "got 1777"},
         {"admin_socket_group = \"a b\"",
          "2:22: server.admin_socket_group: expected the name of a group, or its number"},
         {"drain_timeout = 30",
          "2:17: server.drain_timeout: expected a duration such as \"500ms\" or \"30s\", got an integer"},
         {"drain_timeout = \"0s\"", "2:17: server.drain_timeout: expected a duration above zero, got \"0s\""},
         {"drain_timeout = \"soon\"",
          "2:17: server.drain_timeout: expected a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\", got "
          "\"soon\""},
         {"max_connections = 0",
          "2:19: server.max_connections: expected a whole number from 1 to 10000000, got 0"},
         {"log = { level = \"loud\" }",
          "2:17: server.log.level: expected one of \"debug\", \"info\", \"warning\", \"error\", got "
          "\"loud\""},
         {"log = { format = 1979-05-27 }",
          "2:18: server.log.format: expected one of \"text\", \"json\", got a date or time"},
         {"log = { path = \"\" }", "2:16: server.log.path: expected \"stderr\" or the path of a file"},
         {"log = { path = \"a\\u0007\" }",
          "2:16: server.log.path: expected a string without control characters"},
         {"log = \"info\"", "2:7: server.log: expected a table, got a string"},
         {"access_log = \"a.log\"", "2:14: server.access_log: expected a table, got a string"},
         {"access_log = { format = \"json\" }",
          "2:14: server.access_log.path: expected \"stdout\", \"stderr\" or the path of a file"},
         {"access_log = { path = \"\" }",
          "2:23: server.access_log.path: expected \"stdout\", \"stderr\" or the path of a file"},
         {"access_log = { path = 1 }", "2:23: server.access_log.path: expected a string, got an integer"},
         {"access_log = { path = \"a\", format = \"text\" }",
          "2:37: server.access_log.format: expected one of \"combined\", \"json\", \"host\", got \"text\""}},
        kSmallest);
}

TEST_CASE("mistakes in [[listener]]") {
  check("[[listener]]",
        {{"bind = 8080",
          "2:8: listener[0].bind: expected an address such as \"127.0.0.1:8080\", got an integer"},
         {"bind = \":8080\"",
          "2:8: listener[0].bind: \":8080\" is not an address: expected IP:PORT (\"127.0.0.1:8080\", "
          "\"[::1]:8080\") or \"unix:/path\""},
         {"bind = \"127.0.0.1\\u0000:1\"",
          "2:8: listener[0].bind: expected an address such as \"127.0.0.1:8080\" without control characters"},
         {"name = \"web\"",
          "1:1: listener[0].bind: missing: expected an address to listen on, such as \"0.0.0.0:8080\""},
         {"bind = \"127.0.0.1:1\"\nproxy_protocol = \"v1\"",
          "3:18: listener[0].proxy_protocol: expected true or false, got a string"},
         {"name = [1]\nbind = \"127.0.0.1:1\"", "2:8: listener[0].name: expected a string, got an array"},
         {"bind = \"127.0.0.1:1\"\n[[listener]]\nbind = \"127.0.0.1:1\"",
          "4:8: listener[1].bind: another listener is bound to 127.0.0.1:1 already"},
         {"bind = \"127.0.0.1:1\"\nname = \"a\"\n[[listener]]\nbind = \"127.0.0.1:2\"\nname = \"a\"",
          "6:8: listener[1].name: another listener is named \"a\" already"}},
        "[pool.shop]");
  CHECK(problem_of("listener = 1\n[pool.shop]\n") ==
        "s.toml:1:12: listener: expected [[listener]] tables, got an integer");
  CHECK(problem_of("listener = [\"127.0.0.1:1\"]\n[pool.shop]\n") ==
        "s.toml:1:13: listener[0]: expected a [[listener]] table, got a string");
  CHECK(problem_of("[listener]\nbind = \"127.0.0.1:1\"\n[pool.shop]\n") ==
        "s.toml:1:1: listener: expected [[listener]], in double brackets, for each listener, got a single "
        "table");
}

TEST_CASE("mistakes in [pool.NAME]") {
  check(
      std::string(kAnyPort) + "[pool.shop]",
      {{"balance = \"magic\"",
        "4:11: pool.shop.balance: expected one of \"round_robin\", \"least_requests\", \"random_two\", "
        "\"hash\", \"sticky_cookie\", got \"magic\""},
       {"health = 5", "4:10: pool.shop.health: expected false or a table, got an integer"},
       {"health = { path = \"ping\" }",
        "4:19: pool.shop.health.path: expected a path that begins with \"/\", without spaces and \"#\", got "
        "\"ping\""},
       {"health = { interval = 5 }",
        "4:23: pool.shop.health.interval: expected a duration such as \"500ms\" or \"30s\", got an "
        "integer"},
       {"health = { timeout = \"0ms\" }",
        "4:22: pool.shop.health.timeout: expected a duration above zero, got \"0ms\""},
       {"health = { rise = 0 }",
        "4:19: pool.shop.health.rise: expected a whole number from 1 to 1000, got 0"},
       {"health = { expect = 99 }",
        "4:21: pool.shop.health.expect: expected a status from 200 to 599 or a range such as \"200-399\", "
        "got 99"},
       {"queue = { max = -1 }",
        "4:17: pool.shop.queue.max: expected a whole number from 0 to 1000000, got -1"},
       {"retry = { attempts = 0 }",
        "4:22: pool.shop.retry.attempts: expected a whole number from 1 to 100, got 0"},
       {"retry = { buffer = 64 }",
        "4:20: pool.shop.retry.buffer: expected a size such as \"64KiB\", got an integer"},
       {"retry = { buffer = \"1GiB\" }",
        "4:20: pool.shop.retry.buffer: expected a size from \"0B\" to \"16MiB\", got \"1GiB\""},
       {"timeouts = { connect = \"0s\" }",
        "4:24: pool.shop.timeouts.connect: expected a duration above zero, got \"0s\""},
       {"timeouts = { continue = 1 }",
        "4:25: pool.shop.timeouts.continue: expected a duration such as \"500ms\" or \"30s\", got an "
        "integer"},
       {"proxy_protocol = true",
        "4:18: pool.shop.proxy_protocol: expected one of \"none\", \"v1\", \"v2\", got a boolean"},
       {"when_all_down = \"panic\"",
        "4:17: pool.shop.when_all_down: expected one of \"queue\", \"try\", got \"panic\""},
       {"proxy_protocol = \"v3\"",
        "4:18: pool.shop.proxy_protocol: expected one of \"none\", \"v1\", \"v2\", got \"v3\""}},
      "");
  CHECK(problem_of(std::string(kAnyPort) + "[pool.\"a b\"]\n") ==
        "s.toml:3:7: pool.a b: expected a pool name of at most 100 letters, digits, '.', '_' and '-'");
  CHECK(problem_of("pool = 1\n" + std::string(kAnyPort)) ==
        "s.toml:1:8: pool: expected [pool.NAME] tables, got an integer");
  CHECK(problem_of("pool.shop = 1\n" + std::string(kAnyPort)) ==
        "s.toml:1:13: pool.shop: expected a table, got an integer");
}

TEST_CASE("mistakes in a pool's backends") {
  check(std::string(kAnyPort) + "[pool.shop]",
        {{"backends = \"127.0.0.1:1\"",
          "4:12: pool.shop.backends: expected an array of addresses, got a string"},
         {"backends = [\"127.0.0.1:1\", 9001]",
          "4:28: pool.shop.backends[1]: expected an address or { address = ... }, got an integer"},
         {"backends = [\"localhost\"]",
          "4:13: pool.shop.backends[0]: \"localhost\" is not an address: expected IP:PORT "
          "(\"127.0.0.1:8080\", \"[::1]:8080\") or \"unix:/path\", or a name with a port "
          "(\"app.internal:8080\"), without a scheme or a path"},
         {"backends = [\"127.0.0.1:0\"]", "4:13: pool.shop.backends[0]: a backend's port cannot be 0"},
         {"backends = [\n  \"127.0.0.1:1\",\n  { address = \"127.0.0.1:1\" }]",
          "6:3: pool.shop.backends[1]: 127.0.0.1:1 is in this pool already"},
         {"backends = [{ weight = 2 }]",
          "4:13: pool.shop.backends[0].address: missing: expected an address such as \"10.0.0.1:80\""},
         {"backends = [{ address = \"127.0.0.1:1\", weight = 1001 }]",
          "4:49: pool.shop.backends[0].weight: expected a whole number from 0 to 1000, got 1001"},
         {"backends = [{ address = \"127.0.0.1:1\", version = \"v 2\" }]",
          "4:50: pool.shop.backends[0].version: expected a tag of at most 100 printable ASCII characters "
          "without spaces"}},
        "");
}

TEST_CASE("mistakes in [limits] and [timeouts]") {
  check(
      "",
      {{"[limits]\nhead = \"1B\"",
        "3:8: limits.head: expected a size from \"1KiB\" to \"16MiB\", got \"1B\""},
       {"[limits]\nheaders = 0", "3:11: limits.headers: expected a whole number from 1 to 10000, got 0"},
       {"[limits]\nbody = 5",
        "3:8: limits.body: expected \"none\" or a size such as \"10MiB\", got an integer"},
       {"[limits]\nbody = \"nine\"",
        "3:8: limits.body: expected a size such as \"512B\", \"64KiB\" or \"10MiB\", got \"nine\""},
       {"[limits]\nrequests_per_connection = true",
        "3:27: limits.requests_per_connection: expected a whole number from 0 to 4294967295, got a boolean"},
       {"[limits]\ntarget = \"63B\"",
        "3:10: limits.target: expected a size from \"64B\" to \"16MiB\", got \"63B\""},
       {"[limits]\nbody_rate = 100",
        "3:13: limits.body_rate: expected a size such as \"64KiB\", got an integer"},
       {"[limits]\nconnections_per_client = -1",
        "3:26: limits.connections_per_client: expected a whole number from 0 to 4294967295, got -1"},
       {"[timeouts]\nidle = \"0s\"", "3:8: timeouts.idle: expected a duration above zero, got \"0s\""},
       {"[timeouts]\ntunnel = \"0s\"", "3:10: timeouts.tunnel: expected a duration above zero, got \"0s\""},
       {"[timeouts]\nlinger = 2",
        "3:10: timeouts.linger: expected a duration such as \"500ms\" or \"30s\", got an integer"}},
      kSmallest);
}

TEST_CASE("a table whose brackets or name are wrong is an error that says what to write") {
  const std::string listener = "[[listener]]\nbind = \"127.0.0.1:8080\"\n";
  const std::string pool = "[pool.shop]\nbackends = [\"127.0.0.1:9001\"]\n";
  const std::string nameless =
      ": a pool has a name: expected [pool.NAME], such as [pool.app], above its settings";
  CHECK(problem_of(listener + "[pool]\nhealth = { path = \"/x\" }\nbackends = [\"127.0.0.1:9001\"]\n") ==
        "s.toml:5:1: pool.backends" + nameless);
  CHECK(problem_of(listener + "[pool]\nhealth = false\n" + pool) == "s.toml:4:1: pool.health" + nameless);
  CHECK(problem_of(listener + "[pool]\n") ==
        "s.toml:3:1: pool: a pool has a name: expected [pool.NAME], such as [pool.app] with backends = "
        "[\"127.0.0.1:9001\"]");
  CHECK(problem_of(listener + "[[pool.shop]]\nbackends = [\"127.0.0.1:9001\"]\n") ==
        "s.toml:3:1: pool.shop: expected [pool.shop], in single brackets, got [[pool.shop]]");
  CHECK(problem_of(listener + "[[pool]]\nname = \"shop\"\n") ==
        "s.toml:3:1: pool: expected [pool.NAME] tables, got an array");
  CHECK(problem_of(listener + pool + "[[limits]]\nheaders = 10\n") ==
        "s.toml:5:1: limits: expected [limits], in single brackets, got [[limits]]");
  CHECK(problem_of(listener + pool + "[[pool.shop.health]]\npath = \"/up\"\n") ==
        "s.toml:5:1: pool.shop.health: expected [pool.shop.health], in single brackets, got "
        "[[pool.shop.health]]");
  CHECK(
      problem_of(listener + pool + "[[route]]\n[[route.redirect]]\nto = \"/\"\n") ==
      "s.toml:6:1: route[0].redirect: expected [route.redirect], in single brackets, got [[route.redirect]]");
  CHECK(problem_of(listener + "[pool]\nservers = [\"127.0.0.1:9001\"]\n") ==
        "s.toml:4:1: pool.servers" + nameless);
  for (const std::string route : {"[route]\npool = \"shop\"\n", "[route.web]\npool = \"shop\"\n"}) {
    CHECK(problem_of(listener + pool + route) ==
          "s.toml:5:1: route: expected [[route]], in double brackets, for each route, got a single table");
  }
  // A pool may have the name of a setting.
  CHECK(valid(listener + "[pool.health]\nbackends = [\"127.0.0.1:9001\"]\n").pools.contains("health"));
}

TEST_CASE("mistakes in [forwarding]") {
  constexpr std::string_view kVia =
      "a name such as \"sluice\" or \"proxy.example:8080\", or false for no Via";
  const std::string problem = problem_of(
      "[forwarding]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]\n" + std::string(kSmallest));
  CHECK(problem.starts_with("s.toml:2:34: forwarding.trusted_proxies[1]: "));
  CHECK(problem.find("10.0.0.0/33") != std::string::npos);
  check("[forwarding]",
        {{"trusted_proxies = \"unix\"",
          "2:19: forwarding.trusted_proxies: expected an array of networks, got a string"},
         {"trusted_proxies = [8]", "2:20: forwarding.trusted_proxies[0]: expected a string, got an integer"},
         {"forwarded = 1", "2:13: forwarding.forwarded: expected true or false, got an integer"},
         {"request_ids = true", "2:1: forwarding.request_ids: unknown key, did you mean \"request_id\"?"},
         {"via = \"\"", concat({"2:7: forwarding.via: expected ", kVia, ", got \"\""})},
         {"via = \"my edge\"", concat({"2:7: forwarding.via: expected ", kVia, ", got \"my edge\""})},
         {"via = \"edge:0\"", concat({"2:7: forwarding.via: expected ", kVia, ", got \"edge:0\""})},
         {"via = \"a, 1.1 b\"", concat({"2:7: forwarding.via: expected ", kVia, ", got \"a, 1.1 b\""})},
         {"via = 1", concat({"2:7: forwarding.via: expected ", kVia, ", got an integer"})}},
        kSmallest);
}

TEST_CASE("mistakes in [errors]") {
  constexpr std::string_view kStatus = "expected a status from 400 to 599, such as 503 = \"errors/503.html\"";
  for (const std::string key : {"200", "600", "0503", "4xx", "-1"}) {
    CAPTURE(key);
    CHECK(problem_of("[errors]\n" + key + " = \"a\"\n" + std::string(kSmallest)) ==
          "s.toml:2:1: errors." + key + ": " + std::string(kStatus));
  }
  check(
      "",
      {{"errors = 1", "2:10: errors: expected a table, got an integer"},
       {"[errors]\n503 = { path = \"a\" }", "3:7: errors.503: expected a string, got a table"},
       {"[errors]\n503 = \"\"", "3:7: errors.503: expected the path of a file"},
       {"[errors]\n503 = \"/nonexistent/503.html\"",
        "3:7: errors.503: cannot read \"/nonexistent/503.html\": No such file or directory"},
       {"[errors]\n503 = \"/dev/zero\"", "3:7: errors.503: cannot read \"/dev/zero\": it is no regular file"},
       {"[errors]\n503 = \"/dev/\"", "3:7: errors.503: cannot read \"/dev/\": it is no regular file"}},
      kSmallest);
}

TEST_CASE("an unknown key gets the nearest known one, or all of them") {
  check("",
        {{"[servers]", "2:2: servers: unknown key, did you mean \"server\"?"},
         {"[server]\nwrokers = 2", "3:1: server.wrokers: unknown key, did you mean \"workers\"?"},
         {"[limits]\ncolour = 2",
          "3:1: limits.colour: unknown key; known here: head, headers, target, body, body_rate, "
          "requests_per_connection, connections_per_client, response_head, response_headers"},
         {"[pool.shop.health]\nintervall = \"1s\"",
          "3:1: pool.shop.health.intervall: unknown key, did you mean \"interval\"?"},
         {"[server]\n\"a\\nb\" = 2",
          "3:1: server.a?b: unknown key; known here: workers, admin_socket, admin_socket_mode, "
          "admin_socket_group, state_file, drain_timeout, "
          "takeover_timeout, probation, max_connections, log, access_log, zone"}},
        kSmallest);
}

TEST_CASE("what the design names but this version does not do is told apart from unknown keys") {
  constexpr std::string_view kNot = "not available in this version of Sluice";
  const std::vector<Mistake> later = {
      {"[server]\nobserve = \"127.0.0.1:9180\"", "2:1: server.observe: "},
      {"[[listener]]\nbind = \"127.0.0.1:1\"\ntls = {}", "3:1: listener[0].tls: "}};
  for (const auto& [toml, problem] : later) {
    CAPTURE(toml);
    std::string file = std::string(toml) + "\n";
    if (file.find("[[listener]]") == std::string::npos) file += kAnyPort;
    if (file.find("[pool.shop]") == std::string::npos) file += "[pool.shop]\n";
    CHECK(problem_of(file) == "s.toml:" + problem + std::string(kNot));
  }
}

TEST_CASE("what is missing as a whole is told without a place") {
  CHECK(problem_of("[pool.shop]\n") ==
        "s.toml: no [[listener]]: expected at least one, such as bind = \"0.0.0.0:8080\"");
  CHECK(problem_of(kAnyPort) ==
        "s.toml: no [pool.NAME]: expected at least one, such as [pool.app] with backends = "
        "[\"127.0.0.1:9001\"]");
  CHECK(problem_of(std::string(kAnyPort) + "[[route]]\npool = \"a\"\n") ==
        "s.toml:4:8: route[0].pool: there is no [pool.a]");
  CHECK(problem_of(std::string(kAnyPort) + "[pool.a]\n[pool.b]\n") ==
        "s.toml: several pools and no [[route]]: expected routes that say which requests go to which pool");
  CHECK(problems_of("").size() == 2);
}

TEST_CASE("characters that are not ASCII stand in comments and in strings of every kind") {
  const std::string strings =
      "# \u00e4 \"\na = \"\u00e4 \\\" # \u00e4\" # '\nb = '\u00e4 \" \\'\n\"c \u00e4\" = 1\n"
      "d = \"\"\"\u00e4 \"\" \\\"\" \n\u00e4\"\"\"\"\"\ne = '''\u00e4 '' \n\u00e4''''\nf = \"\"\n";
  for (const std::string mark : {"", "\ufeff"}) {
    const auto document = parse_document(mark + strings, "s.toml");
    REQUIRE(std::holds_alternative<Value>(document));
    const auto& value = std::get<Value>(document);
    CHECK(value.elements.size() == 6);
    CHECK(value.find("d")->text == "\u00e4 \"\" \"\" \n\u00e4\"\"");
    CHECK(value.find("e")->text == "\u00e4 '' \n\u00e4'");
  }
  const auto stray = parse_document(strings + "g = \u00e4\n", "s.toml");
  CHECK(std::get<Problem>(stray).line == 10);
}

TEST_CASE("what is no TOML is one problem, where it stops being TOML") {
  const std::string problem = problem_of("[server]\nworkers = \n");
  CHECK(problem.starts_with("s.toml:2:11: not valid TOML: "));
  CHECK(problem_of("a = 1\na = 2\n").starts_with("s.toml:2:"));
  CHECK(problem_of("a = \"\xff\"\n") == "s.toml:1:5: not valid TOML: Encountered invalid utf-8 sequence");
  CHECK(problem_of("\u00e4 = 1\n").starts_with("s.toml:1:1: not valid TOML: "));
  CHECK(problem_of("[a \u00e4]\n").starts_with("s.toml:1:4: not valid TOML: "));
  CHECK(problem_of("# \u00e4\n[server]\nw\u00e4it = 1\n") ==
        "s.toml:3:2: not valid TOML: a character that is not ASCII; keys and values with one need quotes");
  CHECK(problem_of("\"\u00e4\" = '\u00e4' \u00a0\n").starts_with("s.toml:1:11: not valid TOML: "));
  CHECK(problem_of("[[[a]]]\n").starts_with("s.toml:1:3: not valid TOML: "));
  CHECK(problem_of("[[=\n").starts_with("s.toml:1:3: not valid TOML: "));
  CHECK(problem_of("a = " + std::string(100'000, '[')).starts_with("s.toml:1:"));
}

TEST_CASE("all problems of a file come at once, in its order") {
  CHECK(problem_of("[server]\nworkers = 1000\n"
                   "[[listener]]\nbind = \"nowhere\"\ntls = {}\n"
                   "[[route]]\npool = \"cache\"\n"
                   "[pool.a]\nbalance = \"magic\"\n"
                   "[pool.b]\nbackend = []\n") ==
        "s.toml:2:11: server.workers: expected a whole number from 0 to 256, got 1000\n"
        "s.toml:4:8: listener[0].bind: \"nowhere\" is not an address: expected IP:PORT (\"127.0.0.1:8080\", "
        "\"[::1]:8080\") or \"unix:/path\"\n"
        "s.toml:5:1: listener[0].tls: not available in this version of Sluice\n"
        "s.toml:7:8: route[0].pool: there is no [pool.cache]\n"
        "s.toml:9:11: pool.a.balance: expected one of \"round_robin\", \"least_requests\", \"random_two\", "
        "\"hash\", \"sticky_cookie\", got \"magic\"\n"
        "s.toml:11:1: pool.b.backend: unknown key, did you mean \"backends\"?");
}

TEST_CASE("problems become one error, a line each") {
  const auto error = as_error({{.file = "s.toml", .line = 3, .column = 8, .key = "a.b", .message = "bad"},
                               {.file = "s.toml", .message = "worse"}});
  CHECK(error.code == ErrorCode::invalid_config);
  CHECK(error.message == "s.toml:3:8: a.b: bad\ns.toml: worse");
}

}  // namespace
}  // namespace sluice::config
