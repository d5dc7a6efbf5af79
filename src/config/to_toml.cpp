// A configuration as TOML, with every default filled in.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

namespace sluice::config {
namespace {

/// A TOML basic string.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
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

void write_pool(Writer& out, const Pool& pool) {
  out.section(concat({"[pool.", quoted(pool.name), "]"}));
  out.line("balance", "\"round_robin\"");
  std::string backends;
  for (const Backend& backend : pool.backends)
    backends += concat({backends.empty() ? "" : ", ", backend_text(backend)});
  out.line("backends", concat({"[", backends, "]"}));
  const Health& health = pool.health;
  out.line("health", !health.enabled
                         ? std::string("false")
                         : concat({"{ path = ", quoted(health.path), ", interval = ", quoted(health.interval),
                                   ", timeout = ", quoted(health.timeout), ", rise = ",
                                   std::to_string(health.rise), ", fall = ", std::to_string(health.fall),
                                   ", expect = ", std::to_string(health.expect), " }"}));
  out.line("queue", concat({"{ max = ", std::to_string(pool.queue.max),
                            ", timeout = ", quoted(pool.queue.timeout), " }"}));
  out.line("retry", concat({"{ attempts = ", std::to_string(pool.retry.attempts),
                            ", buffer = ", quoted(size_text(pool.retry.buffer_bytes)),
                            ", non_idempotent = ", pool.retry.non_idempotent ? "true" : "false", " }"}));
  out.line("timeouts", concat({"{ connect = ", quoted(pool.timeouts.connect),
                               ", response = ", quoted(pool.timeouts.response),
                               ", idle = ", quoted(pool.timeouts.idle), " }"}));
}

}  // namespace

std::string to_toml(const Config& config) {
  Writer out;
  const Server& server = config.server;
  out.section("[server]");
  out.number("workers", server.workers);
  out.line("admin_socket", quoted(server.admin_socket));
  out.line("drain_timeout", quoted(server.drain_timeout));
  out.number("max_connections", server.max_connections);
  out.line("log", concat({"{ level = ", quoted(name(server.log.level)),
                          ", format = ", server.log.format == LogFormat::text ? "\"text\"" : "\"json\"",
                          ", path = ", quoted(server.log.path), " }"}));
  for (const Listener& listener : config.listeners) {
    out.section("[[listener]]");
    out.line("name", quoted(listener.name));
    out.line("bind", quoted(listener.bind.text()));
  }
  for (const Route& route : config.routes) {
    out.section("[[route]]");
    if (!route.host.empty()) out.line("host", quoted(route.host));
    out.line("path", quoted(route.path));
    out.line("strip_path", route.strip_path ? "true" : "false");
    out.line("pool", quoted(route.pool));
  }
  for (const auto& [name, pool] : config.pools) write_pool(out, *pool);
  out.section("[limits]");
  out.line("head", quoted(size_text(config.limits.head_bytes)));
  out.number("headers", config.limits.headers);
  out.line("body", quoted(config.limits.body_bytes ? size_text(*config.limits.body_bytes) : "none"));
  out.number("requests_per_connection", config.limits.requests_per_connection);
  out.section("[timeouts]");
  out.line("head", quoted(config.timeouts.head));
  out.line("body", quoted(config.timeouts.body));
  out.line("write", quoted(config.timeouts.write));
  out.line("idle", quoted(config.timeouts.idle));
  return out.take();
}

}  // namespace sluice::config
