// A pool's health: how its backends are asked.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <array>

#include "config/file.h"
#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr int kFirstStatus = 200;
constexpr int kLastStatus = 599;
constexpr int kDraining = 503;
constexpr size_t kLongestSought = 1024;
constexpr uint64_t kLongestCa = uint64_t{4} << 20;
constexpr std::string_view kExpected = "a status from 200 to 599 or a range such as \"200-399\"";

/// "204" or "200-399".
std::optional<StatusRange> range_of(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_unsigned(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_unsigned(text.substr(dash + 1));
  if (!first || !last || *first < kFirstStatus || *last > kLastStatus || *first > *last) return std::nullopt;
  return StatusRange{.first = static_cast<int>(*first), .last = static_cast<int>(*last)};
}

/// Of a number or a string; nothing, and a problem of `key`, when it is no range.
std::optional<StatusRange> parse_range(Reader& reader, const std::string& key, const Value& value) {
  const bool is_number = value.kind == Value::Kind::integer;
  if (!is_number && value.kind != Value::Kind::string) {
    reader.report().add(value.place, reader.key_path(key),
                        concat({"expected ", kExpected, ", got ", value.kind_words()}));
    return std::nullopt;
  }
  const std::string text = is_number ? std::to_string(value.integer) : value.text;
  const auto range = range_of(text);
  std::string problem;
  if (!range) {
    problem = concat({"expected ", kExpected, ", got ", is_number ? text : concat({"\"", text, "\""})});
  } else if (*range == StatusRange{.first = kDraining, .last = kDraining}) {
    problem = "503 always means draining, so it cannot be a success";
  }
  if (problem.empty()) return range;
  reader.report().add(value.place, reader.key_path(key), std::move(problem));
  return std::nullopt;
}

void parse_expect(Reader& reader, ExpectedStatuses& expected) {
  const Value* given = reader.take("expect");
  if (given == nullptr) return;
  const bool is_array = given->kind == Value::Kind::array;
  if (is_array && given->elements.empty()) return reader.expected("expect", kExpected, "none");
  ExpectedStatuses ranges;
  if (is_array) {
    size_t index = 0;
    for (const Value& element : given->elements) {
      const auto range = parse_range(reader, concat({"expect[", std::to_string(index++), "]"}), element);
      if (range) ranges.push_back(*range);
    }
  } else if (const auto range = parse_range(reader, "expect", *given)) {
    ranges.push_back(*range);
  }
  if (!ranges.empty()) expected = std::move(ranges);
}

/// Why a probe cannot have a field of this name; empty when it can.
std::string probe_field_problem(std::string_view name) {
  if (equals_ignoring_case(name, "Host")) return "use \"host\"";
  if (equals_ignoring_case(name, "Upgrade")) return "Upgrade cannot be set: a probe asks in HTTP/1.1 alone";
  return field_name_problem(name);
}

void parse_headers(Reader& reader, std::vector<std::pair<std::string, std::string>>& headers) {
  auto table = reader.sub("headers");
  if (!table) return;
  for (const Value& given : table->elements()) {
    const auto is_same = [&](const auto& other) { return equals_ignoring_case(other.first, given.key); };
    std::string problem = probe_field_problem(given.key);
    if (problem.empty() && std::ranges::any_of(headers, is_same)) problem = "is set already";
    if (!problem.empty()) {
      table->report().add(given.key_place, table->key_path(given.key), std::move(problem));
    } else if (const auto* text = table->text_of(given.key, given, "a string")) {
      headers.emplace_back(given.key, trim(*text));
    }
  }
}

/// What is asked, and what the answer has to be.
void parse_request(Reader& reader, Health& health) {
  reader.read("path", health.path);
  if (!health.path.starts_with('/') || health.path.find_first_of(" #") != std::string::npos) {
    reader.expected("path", "a path that begins with \"/\", without spaces and \"#\"",
                    concat({"\"", health.path, "\""}));
  }
  parse_expect(reader, health.expect);
  if (reader.read("body", health.body) && (health.body.empty() || health.body.size() > kLongestSought)) {
    reader.problem("body", "expected 1 to 1024 bytes that the response's body contains");
  }
  if (reader.read("host", health.host) && !is_authority(health.host)) {
    reader.expected("host", "a host, with or without a port", concat({"\"", health.host, "\""}));
  }
  parse_headers(reader, health.headers);
}

/// Settings of a request, which a probe that only connects does not send.
void refuse_request(Reader& reader) {
  for (const std::string_view key : {"path", "expect", "body", "host", "headers"}) {
    if (reader.take(key) != nullptr) reader.problem(key, "type = \"tcp\" asks for nothing but a connection");
  }
}

void parse_times(Reader& reader, Health& health) {
  reader.read_duration("interval", health.interval);
  const bool has_fast = reader.has("fast_interval");
  reader.read_duration("fast_interval", health.fast_interval);
  if (has_fast && health.fast_interval > health.interval) {
    reader.problem("fast_interval",
                   concat({"expected at most the interval, ", duration_text(health.interval)}));
  }
  if (!has_fast) health.fast_interval = std::min(health.fast_interval, health.interval);
  reader.read_duration("timeout", health.timeout);
  reader.read_duration("initial_delay", health.initial_delay, Reader::Zero::allowed);
}

void parse_ca(Reader& tls_reader, ProbeTls& tls) {
  std::string given;
  if (!tls_reader.read("ca", given)) return;
  if (!tls.verify) return tls_reader.problem("ca", "verify = false asks for no authority");
  tls.ca_path = path_beside(tls_reader.report().file, given);
  const auto wrong = [&](std::string_view what, const Error& error) {
    tls_reader.problem("ca", concat({what, " \"", tls.ca_path, "\": ", error.message}));
  };
  auto text = read_regular_file(tls.ca_path, kLongestCa);
  if (!text) return wrong("cannot read", text.error());
  const auto check = tls_reader.report().checks.certificates;
  if (check != nullptr) {
    if (const auto fine = check(*text); !fine) return wrong("cannot use", fine.error());
  }
  tls.ca = *std::move(text);
}

void parse_tls(Reader& reader, Health& health) {
  auto tls = reader.sub("tls");
  if (!tls) return;
  if (health.type != ProbeType::https) return reader.problem("tls", "is for type = \"https\" alone");
  tls->read("verify", health.tls.verify);
  parse_ca(*tls, health.tls);
  std::string& name = health.tls.server_name;
  if (tls->read("server_name", name)) {
    name = to_lower(name);
    if (!is_host_name(name) && !Address::parse(concat({"[", name, "]:1"}))) {
      tls->expected("server_name", "a host name or an IP address", concat({"\"", name, "\""}));
    }
  }
  tls->finish();
}

/// A Unix socket has no ports, so a backend on one cannot be probed on another port.
void check_port(Reader& reader, const Pool& pool) {
  if (pool.health.port == 0) return;
  const auto local = std::ranges::find_if(pool.backends, &Address::is_local, &Backend::address);
  if (local == pool.backends.end()) return;
  reader.problem("port", concat({local->address.text(), " has no ports"}));
}

}  // namespace

void parse_health(Reader& pool_reader, Pool& pool) {
  const Value* given = pool_reader.take("health");
  if (given == nullptr) return;
  Health& health = pool.health;
  if (given->kind == Value::Kind::boolean) {
    health.enabled = given->flag;
    return;
  }
  if (given->kind != Value::Kind::table) {
    return pool_reader.wrong_kind("health", "false or a table", *given);
  }
  Reader reader(*given, pool_reader.key_path("health"), pool_reader.report());
  constexpr std::array kTypes = {ProbeType::http, ProbeType::https, ProbeType::tcp};
  if (const auto word = reader.read_word("type", {"http", "https", "tcp"})) health.type = kTypes[*word];
  health.type == ProbeType::tcp ? refuse_request(reader) : parse_request(reader, health);
  parse_tls(reader, health);
  parse_times(reader, health);
  reader.read_number("rise", health.rise, 1, 1000);
  reader.read_number("fall", health.fall, 1, 1000);
  reader.read_number("port", health.port, 1, 65535);
  check_port(reader, pool);
  reader.finish();
}

}  // namespace sluice::config
