// A configuration as TOML, with every default filled in.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include "config/toml_writer.h"

namespace sluice::config {
namespace {

std::string backend_text(const Backend& backend, const std::string& address, bool has_weight = true) {
  Backend plain{.address = backend.address};
  plain.drain = backend.drain;
  if (backend == plain) return quoted(address);
  std::vector<std::pair<std::string, std::string>> pairs = {{"address", quoted(address)}};
  if (has_weight) pairs.emplace_back("weight", std::to_string(backend.weight));
  if (!backend.version.empty()) pairs.emplace_back("version", quoted(backend.version));
  if (backend.max_requests != 0) pairs.emplace_back("max_requests", std::to_string(backend.max_requests));
  if (backend.priority != 0) pairs.emplace_back("priority", std::to_string(backend.priority));
  if (!backend.zone.empty()) pairs.emplace_back("zone", quoted(backend.zone));
  return inline_table(pairs);
}

std::string pool_timeouts_text(const PoolTimeouts& timeouts) {
  return inline_table({{"connect", quoted(timeouts.connect)},
                       {"response", quoted(timeouts.response)},
                       {"idle", quoted(timeouts.idle)},
                       {"continue", quoted(timeouts.expect_continue)},
                       {"tunnel_drain", quoted(timeouts.tunnel_drain)}});
}

std::string_view protocol_word(ProxyProtocol protocol) {
  if (protocol == ProxyProtocol::none) return "none";
  return protocol == ProxyProtocol::v1 ? "v1" : "v2";
}

/// A drain is an admin's change and has no key in the file: a comment tells it. So do the addresses of names.
void write_backends(Writer& out, const Pool& pool) {
  std::vector<std::string> texts;
  for (const Backend& backend : pool.backends) {
    if (backend.name.empty()) texts.push_back(backend_text(backend, backend.address.text()));
  }
  for (const auto& [name, like] : pool.names) {
    texts.push_back(backend_text(like, name.text(), !name.is_srv()));
  }
  out.line("backends", array(texts));
  for (const Backend& backend : pool.backends) {
    if (!backend.name.empty()) out.comment(concat({backend.name, " is ", backend.address.text()}));
    if (backend.drain) out.comment(concat({"draining: ", backend.address.text()}));
  }
}

}  // namespace

void write_pool(Writer& out, const Pool& pool) {
  out.section(concat({"[pool.", quoted(pool.name), "]"}), concat({"pool ", pool.name}));
  out.line("balance", balance_text(pool.balance));
  write_backends(out, pool);
  if (!pool.names.empty() || pool.resolve_interval > Duration::zero())
    out.line("resolve_interval", quoted(pool.resolve_interval));
  out.line("health", health_text(pool.health));
  out.line("slow_start", quoted(pool.slow_start));
  out.line("when_all_down", pool.when_all_down == WhenAllDown::queue ? "\"queue\"" : "\"try\"");
  out.line("ejection", ejection_text(pool.ejection));
  if (!pool.drain_header.name.empty()) out.line("drain_header", drain_header_text(pool.drain_header));
  out.line("queue",
           inline_table({{"max", std::to_string(pool.queue.max)}, {"timeout", quoted(pool.queue.timeout)}}));
  out.line("retry", retry_text(pool.retry));
  out.line("timeouts", pool_timeouts_text(pool.timeouts));
  out.line("proxy_protocol", quoted(protocol_word(pool.proxy_protocol)));
}

void write_server(Writer& out, const Server& server) {
  out.section("[server]", "server");
  out.number("workers", server.workers);
  out.line("admin_socket", quoted(server.admin_socket));
  if (!server.state_file.empty()) out.line("state_file", quoted(server.state_file));
  out.line("drain_timeout", quoted(server.drain_timeout));
  out.line("takeover_timeout", quoted(server.takeover_timeout));
  out.line("probation", inline_table({{"time", quoted(server.probation.time)},
                                      {"failures", std::to_string(server.probation.failures)},
                                      {"percent", std::to_string(server.probation.percent)}}));
  out.number("max_connections", server.max_connections);
  if (!server.zone.empty()) out.line("zone", quoted(server.zone));
  out.line("log", inline_table({{"level", quoted(name(server.log.level))},
                                {"format", server.log.format == LogFormat::text ? "\"text\"" : "\"json\""},
                                {"path", quoted(server.log.path)}}));
  if (!server.access_log) return;
  const bool is_json = server.access_log->format == AccessLogFormat::json;
  out.line("access_log", inline_table({{"path", quoted(server.access_log->path)},
                                       {"format", is_json ? "\"json\"" : "\"combined\""}}));
}

void write_listener(Writer& out, const Listener& listener) {
  out.section("[[listener]]", concat({"listener ", listener.bind.text()}));
  out.line("name", quoted(listener.name));
  out.line("bind", quoted(listener.bind.text()));
  out.flag("proxy_protocol", listener.proxy_protocol);
}

void write_limits(Writer& out, const Limits& limits) {
  out.section("[limits]", "limits");
  out.line("head", quoted(size_text(limits.head_bytes)));
  out.number("headers", limits.headers);
  out.line("target", quoted(size_text(limits.target_bytes)));
  out.line("body", quoted(limits.body_bytes ? size_text(*limits.body_bytes) : "none"));
  out.line("body_rate", quoted(size_text(limits.body_bytes_per_second)));
  out.number("requests_per_connection", limits.requests_per_connection);
  out.number("connections_per_client", limits.connections_per_client);
}

void write_timeouts(Writer& out, const Timeouts& timeouts) {
  out.section("[timeouts]", "timeouts");
  out.line("head", quoted(timeouts.head));
  out.line("body", quoted(timeouts.body));
  out.line("write", quoted(timeouts.write));
  out.line("idle", quoted(timeouts.idle));
  out.line("tunnel", quoted(timeouts.tunnel));
  out.line("linger", quoted(timeouts.linger));
}

void write_forwarding(Writer& out, const Forwarding& forwarding) {
  std::vector<std::string> trusted;
  for (const Network& network : forwarding.trusted_proxies) trusted.push_back(network.text());
  if (forwarding.trust_unix) trusted.emplace_back("unix");
  out.section("[forwarding]", "forwarding");
  out.line("trusted_proxies", quoted_array(trusted));
  out.flag("forwarded", forwarding.say_forwarded);
  out.flag("request_id", forwarding.say_request_id);
}

void write_proxy_status(Writer& out, const ProxyStatus& settings) {
  out.section("[proxy_status]", "proxy_status");
  out.line("name", quoted(settings.name));
  out.flag("next_hop", settings.next_hop);
  out.flag("forwarded", settings.forwarded);
}

void write_recent_requests(Writer& out, const RecentRequests& settings) {
  out.section("[recent_requests]", "recent_requests");
  out.number("notable", settings.notable);
  out.number("others", settings.others);
  out.line("slow", quoted(settings.slow));
}

void write_resolver(Writer& out, const Resolver& resolver) {
  if (resolver == Resolver()) return;
  std::vector<std::string> servers;
  for (const Address& server : resolver.servers) servers.push_back(server.text());
  out.section("[resolver]", "resolver");
  out.line("servers", quoted_array(servers));
  out.line("timeout", quoted(resolver.timeout));
  out.number("attempts", resolver.attempts);
  const bool is_any = resolver.family == Resolver::Family::any;
  out.line("family", is_any                                      ? "\"any\""
                     : resolver.family == Resolver::Family::ipv4 ? "\"ipv4\""
                                                                 : "\"ipv6\"");
}

void write_errors(Writer& out, const Config& config) {
  if (config.errors.empty()) return;
  out.section("[errors]", "errors");
  for (const auto& [status, page] : config.errors) out.line(std::to_string(status), quoted(page->path));
}

std::string to_toml(const Config& config) {
  Writer out;
  write_server(out, config.server);
  for (const Listener& listener : config.listeners) write_listener(out, listener);
  for (const Route& route : config.routes) write_route(out, route);
  for (const auto& [name, pool] : config.pools) write_pool(out, *pool);
  write_limits(out, config.limits);
  write_timeouts(out, config.timeouts);
  write_resolver(out, config.resolver);
  write_forwarding(out, config.forwarding);
  write_proxy_status(out, config.proxy_status);
  write_recent_requests(out, config.recent_requests);
  write_errors(out, config);
  return out.text();
}

}  // namespace sluice::config
