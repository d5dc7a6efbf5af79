// [server], [[listener]], [[route]], [limits] and [timeouts].
#include <algorithm>
#include <array>

#include <sched.h>
#include <sluice/base/text.h>

#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr std::array kLogLevels = {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error};

unsigned allowed_cpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  return std::max(1U, static_cast<unsigned>(CPU_COUNT(&cpus)));
}

void parse_log(Reader reader, LogSettings& log) {
  if (const auto level = reader.read_word("level", {"debug", "info", "warning", "error"}))
    log.level = kLogLevels[*level];
  if (const auto format = reader.read_word("format", {"text", "json"})) {
    log.format = *format == 0 ? LogFormat::text : LogFormat::json;
  }
  reader.read("path", log.path);
  if (log.path.empty()) reader.problem("path", "expected \"stderr\" or the path of a file");
  reader.finish();
}

bool is_false(const toml::node& node) {
  return node.is_boolean() && !node.as_boolean()->get();
}

bool is_zero(const toml::node& node) {
  return node.is_integer() && node.as_integer()->get() == 0;
}

/// "shop.example" or "*.example"; letters, digits, '-', '_' and '.', or an address in brackets.
bool is_route_host(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  if (host.empty() || host.size() > 253) return false;
  return host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.[]:") == std::string_view::npos &&
         (host.front() == '[') == (host.find(':') != std::string_view::npos);
}

}  // namespace

void parse_server(Reader reader, Config& config) {
  Server& server = config.server;
  reader.read_number("workers", server.workers, 0, 256);
  reader.read("admin_socket", server.admin_socket);
  if (auto address = Address::parse(concat({"unix:", server.admin_socket})); !address) {
    reader.problem("admin_socket", "expected the path of a Unix socket, of at most 107 bytes");
  }
  reader.read_duration("drain_timeout", server.drain_timeout, Reader::Zero::forbidden);
  reader.read_number("max_connections", server.max_connections, 1, 10'000'000);
  if (auto log = reader.sub("log")) parse_log(*std::move(log), server.log);
  for (const auto key : {"state_file", "observe", "access_log"}) reader.not_yet(key);
  reader.finish();
  if (server.workers == 0) server.workers = allowed_cpus();
}

std::vector<Reader> tables_of(const toml::node* node, std::string_view key, Report& report) {
  std::vector<Reader> readers;
  if (node == nullptr) return readers;
  const auto* array = node->as_array();
  if (array == nullptr) {
    report.add(node->source(), std::string(key),
               concat({"expected [[", key, "]] tables, got ", type_word(*node)}));
    return readers;
  }
  size_t index = 0;
  for (const auto& element : *array) {
    const std::string path = concat({key, "[", std::to_string(index++), "]"});
    if (const auto* table = element.as_table()) {
      readers.emplace_back(*table, path, report);
    } else {
      report.add(element.source(), path,
                 concat({"expected a [[", key, "]] table, got ", type_word(element)}));
    }
  }
  return readers;
}

void parse_listeners(const toml::node* node, Config& config, Report& report) {
  for (Reader& reader : tables_of(node, "listener", report)) {
    Listener listener;
    reader.read("name", listener.name);
    const bool given = reader.table().contains("bind");
    const auto bind = reader.read_address("bind");
    if (!given) reader.problem("bind", "missing: expected an address to listen on, such as \"0.0.0.0:8080\"");
    reader.not_yet("proxy_protocol", is_false);
    reader.not_yet("tls");
    reader.finish();
    if (!bind) continue;
    listener.bind = *bind;
    listener.where = reader.place_of("bind");
    if (listener.name.empty()) listener.name = bind->text();
    const auto same_name = std::ranges::find(config.listeners, listener.name, &Listener::name);
    const auto same_bind = std::ranges::find(config.listeners, listener.bind, &Listener::bind);
    if (same_bind != config.listeners.end()) {
      reader.problem("bind", concat({"another listener is bound to \"", bind->text(), "\" already"}));
    } else if (same_name != config.listeners.end()) {
      reader.problem("name", concat({"another listener is named \"", listener.name, "\" already"}));
    } else {
      config.listeners.push_back(std::move(listener));
    }
  }
}

void parse_routes(const toml::node* node, Config& config, Report& report) {
  for (Reader& reader : tables_of(node, "route", report)) {
    Route route;
    reader.read("host", route.host);
    route.host = to_lower(route.host);
    if (reader.table().contains("host") && !is_route_host(route.host)) {
      reader.problem("host", "expected a host name such as \"shop.example\" or \"*.example\"");
    }
    reader.read("path", route.path);
    if (!route.path.starts_with('/')) reader.problem("path", "expected a path that begins with \"/\"");
    reader.read("strip_path", route.strip_path);
    reader.read("pool", route.pool);
    if (route.pool.empty()) {
      reader.problem("pool", "missing: expected the name of a pool");
    } else if (!config.pools.contains(route.pool)) {
      std::vector<std::string_view> names;
      for (const auto& [name, pool] : config.pools) names.push_back(name);
      std::string message = concat({"there is no [pool.", route.pool, "]"});
      if (const auto near = closest_match(route.pool, names))
        message += concat({", did you mean \"", *near, "\"?"});
      reader.problem("pool", std::move(message));
    }
    reader.finish();
    const auto is_same = [&](const Route& other) {
      return other.host == route.host && other.path == route.path;
    };
    if (std::ranges::any_of(config.routes, is_same))
      reader.problem("path", "another route has the same host and path");
    config.routes.push_back(std::move(route));
  }
}

void parse_limits(Reader reader, Limits& limits) {
  reader.read_size("head", limits.head_bytes);
  if (limits.head_bytes < 1024 || limits.head_bytes > (uint64_t{16} << 20)) {
    reader.problem("head", "expected a size from \"1KiB\" to \"16MiB\"");
  }
  reader.read_number("headers", limits.headers, 1, 10'000);
  const toml::node* body = reader.table().get("body");
  if (body != nullptr && body->is_string() && body->as_string()->get() == "none") {
    reader.take("body");
  } else if (body != nullptr) {
    uint64_t bytes = 0;
    reader.read_size("body", bytes);
    limits.body_bytes = bytes;
  } else {
    reader.take("body");
  }
  reader.read_number("requests_per_connection", limits.requests_per_connection, 0, UINT32_MAX);
  reader.not_yet("connections_per_client", is_zero);
  reader.finish();
}

void parse_timeouts(Reader reader, Timeouts& timeouts) {
  reader.read_duration("head", timeouts.head, Reader::Zero::forbidden);
  reader.read_duration("body", timeouts.body, Reader::Zero::forbidden);
  reader.read_duration("write", timeouts.write, Reader::Zero::forbidden);
  reader.read_duration("idle", timeouts.idle, Reader::Zero::forbidden);
  reader.not_yet("tunnel");
  reader.finish();
}

}  // namespace sluice::config
