// A configuration as TOML, with every default filled in.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

namespace sluice::config {
namespace {

/// A TOML basic string.
std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += concat({"\\u00", kHex.substr(byte >> 4U, 1), kHex.substr(byte & 0xfU, 1)});
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::string quoted(Duration duration) {
  return quoted(duration_text(duration));
}

class Writer {
 public:
  void section(std::string_view header) { out_ += concat({out_.empty() ? "" : "\n", header, "\n"}); }
  void line(std::string_view key, std::string_view value) { out_ += concat({key, " = ", value, "\n"}); }
  void comment(std::string_view text) { out_ += concat({"# ", text, "\n"}); }
  void number(std::string_view key, uint64_t value) { line(key, std::to_string(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

std::string backend_text(const Backend& backend) {
  if (backend.weight == 1 && backend.version.empty()) return quoted(backend.address.text());
  std::string text =
      concat({"{ address = ", quoted(backend.address.text()), ", weight = ", std::to_string(backend.weight)});
  if (!backend.version.empty()) text += concat({", version = ", quoted(backend.version)});
  return text += " }";
}

std::string health_text(const Health& health) {
  if (!health.enabled) return "false";
  return concat({"{ path = ", quoted(health.path), ", interval = ", quoted(health.interval),
                 ", timeout = ", quoted(health.timeout), ", rise = ", std::to_string(health.rise),
                 ", fall = ", std::to_string(health.fall), ", expect = ", std::to_string(health.expect),
                 " }"});
}

/// A drain is an admin's change and has no key in the file: a comment tells it.
void write_backends(Writer& out, const std::vector<Backend>& backends) {
  std::string list;
  for (const Backend& backend : backends) list += concat({list.empty() ? "" : ", ", backend_text(backend)});
  out.line("backends", concat({"[", list, "]"}));
  for (const Backend& backend : backends) {
    if (backend.drain) out.comment(concat({"draining: ", backend.address.text()}));
  }
}

void write_pool(Writer& out, const Pool& pool) {
  out.section(concat({"[pool.", quoted(pool.name), "]"}));
  out.line("balance", "\"round_robin\"");
  write_backends(out, pool.backends);
  out.line("health", health_text(pool.health));
  out.line("queue", concat({"{ max = ", std::to_string(pool.queue.max),
                            ", timeout = ", quoted(pool.queue.timeout), " }"}));
  out.line("retry", concat({"{ attempts = ", std::to_string(pool.retry.attempts),
                            ", buffer = ", quoted(size_text(pool.retry.buffer_bytes)),
                            ", non_idempotent = ", pool.retry.non_idempotent ? "true" : "false", " }"}));
  out.line("timeouts", concat({"{ connect = ", quoted(pool.timeouts.connect),
                               ", response = ", quoted(pool.timeouts.response),
                               ", idle = ", quoted(pool.timeouts.idle), " }"}));
}

void write_server(Writer& out, const Server& server) {
  out.section("[server]");
  out.number("workers", server.workers);
  out.line("admin_socket", quoted(server.admin_socket));
  out.line("drain_timeout", quoted(server.drain_timeout));
  out.number("max_connections", server.max_connections);
  out.line("log", concat({"{ level = ", quoted(name(server.log.level)),
                          ", format = ", server.log.format == LogFormat::text ? "\"text\"" : "\"json\"",
                          ", path = ", quoted(server.log.path), " }"}));
}

void write_listener(Writer& out, const Listener& listener) {
  out.section("[[listener]]");
  out.line("name", quoted(listener.name));
  out.line("bind", quoted(listener.bind.text()));
}

void write_route(Writer& out, const Route& route) {
  out.section("[[route]]");
  if (!route.host.empty()) out.line("host", quoted(route.host));
  out.line("path", quoted(route.path));
  out.line("strip_path", route.strip_path ? "true" : "false");
  out.line("pool", quoted(route.pool));
}

void write_limits(Writer& out, const Limits& limits) {
  out.section("[limits]");
  out.line("head", quoted(size_text(limits.head_bytes)));
  out.number("headers", limits.headers);
  out.line("body", quoted(limits.body_bytes ? size_text(*limits.body_bytes) : "none"));
  out.number("requests_per_connection", limits.requests_per_connection);
}

void write_timeouts(Writer& out, const Timeouts& timeouts) {
  out.section("[timeouts]");
  out.line("head", quoted(timeouts.head));
  out.line("body", quoted(timeouts.body));
  out.line("write", quoted(timeouts.write));
  out.line("idle", quoted(timeouts.idle));
}

}  // namespace

std::string to_toml(const Config& config) {
  Writer out;
  write_server(out, config.server);
  for (const Listener& listener : config.listeners) write_listener(out, listener);
  for (const Route& route : config.routes) write_route(out, route);
  for (const auto& [name, pool] : config.pools) write_pool(out, *pool);
  write_limits(out, config.limits);
  write_timeouts(out, config.timeouts);
  return out.take();
}

}  // namespace sluice::config
