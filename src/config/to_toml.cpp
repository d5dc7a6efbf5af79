// A configuration as TOML, with every default filled in.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <array>

#include "config/toml_writer.h"

namespace sluice::config {
namespace {

std::string backend_text(const Backend& backend, const std::string& address, bool has_weight = true) {
  Backend plain{.address = backend.address};
  plain.drain = backend.drain;
  if (backend == plain) return in_quotes(address);
  std::vector<std::pair<std::string, std::string>> pairs = {{"address", in_quotes(address)}};
  if (has_weight) pairs.emplace_back("weight", std::to_string(backend.weight));
  if (!backend.version.empty()) pairs.emplace_back("version", in_quotes(backend.version));
  if (backend.max_requests != 0) pairs.emplace_back("max_requests", std::to_string(backend.max_requests));
  if (backend.priority != 0) pairs.emplace_back("priority", std::to_string(backend.priority));
  if (!backend.zone.empty()) pairs.emplace_back("zone", in_quotes(backend.zone));
  return inline_table(pairs);
}

std::string pool_timeouts_text(const PoolTimeouts& timeouts) {
  return inline_table({{"connect", in_quotes(timeouts.connect)},
                       {"response", in_quotes(timeouts.response)},
                       {"idle", in_quotes(timeouts.idle)},
                       {"continue", in_quotes(timeouts.expect_continue)},
                       {"tunnel_drain", in_quotes(timeouts.tunnel_drain)}});
}

std::string_view protocol_word(ProxyProtocol protocol) {
  if (protocol == ProxyProtocol::none) return "none";
  return protocol == ProxyProtocol::v1 ? "v1" : "v2";
}

/// A drain is an admin's change and has no key in the file: a comment shows it, and the addresses of names.
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
  out.section(concat({"[pool.", in_quotes(pool.name), "]"}), concat({"pool ", pool.name}));
  out.line("balance", balance_text(pool.balance));
  write_backends(out, pool);
  if (!pool.names.empty() || pool.resolve_interval > Duration::zero())
    out.line("resolve_interval", in_quotes(pool.resolve_interval));
  out.line("health", health_text(pool.health));
  out.line("slow_start", in_quotes(pool.slow_start));
  out.line("when_all_down", pool.when_all_down == WhenAllDown::queue ? "\"queue\"" : "\"try\"");
  out.line("ejection", ejection_text(pool.ejection));
  if (!pool.drain_header.name.empty()) out.line("drain_header", drain_header_text(pool.drain_header));
  out.line("queue", inline_table({{"max", std::to_string(pool.queue.max)},
                                  {"timeout", in_quotes(pool.queue.timeout)}}));
  out.line("retry", retry_text(pool.retry));
  out.line("timeouts", pool_timeouts_text(pool.timeouts));
  out.line("proxy_protocol", in_quotes(protocol_word(pool.proxy_protocol)));
  out.flag("keep_alive", pool.keep_alive);
}

std::string octal(uint32_t mode) {
  std::string text = "0000";
  for (size_t i = text.size(); i-- > 0; mode /= 8) text[i] = static_cast<char>('0' + mode % 8);
  return text;
}

void write_server(Writer& out, const Server& server) {
  out.section("[server]", "server");
  out.number("workers", server.workers);
  out.line("admin_socket", in_quotes(server.admin_socket));
  out.line("admin_socket_mode", in_quotes(octal(server.admin_socket_mode)));
  if (!server.admin_socket_group.empty()) {
    out.line("admin_socket_group", in_quotes(server.admin_socket_group));
  }
  if (!server.state_file.empty()) out.line("state_file", in_quotes(server.state_file));
  out.line("drain_timeout", in_quotes(server.drain_timeout));
  out.line("takeover_timeout", in_quotes(server.takeover_timeout));
  out.line("probation", inline_table({{"time", in_quotes(server.probation.time)},
                                      {"failures", std::to_string(server.probation.failures)},
                                      {"percent", std::to_string(server.probation.percent)}}));
  out.number("max_connections", server.max_connections);
  if (!server.zone.empty()) out.line("zone", in_quotes(server.zone));
  out.line("log", inline_table({{"level", in_quotes(name(server.log.level))},
                                {"format", server.log.format == LogFormat::text ? "\"text\"" : "\"json\""},
                                {"path", in_quotes(server.log.path)}}));
  if (!server.access_log) return;
  constexpr std::array kFormats = {"\"combined\"", "\"json\"", "\"host\""};
  out.line("access_log",
           inline_table({{"path", in_quotes(server.access_log->path)},
                         {"format", kFormats[static_cast<size_t>(server.access_log->format)]}}));
}

void write_listener(Writer& out, const Listener& listener) {
  out.section("[[listener]]", concat({"listener ", listener.bind.text()}));
  out.line("name", in_quotes(listener.name));
  out.line("bind", in_quotes(listener.bind.text()));
  out.flag("proxy_protocol", listener.proxy_protocol);
}

void write_limits(Writer& out, const Limits& limits) {
  out.section("[limits]", "limits");
  out.line("head", in_quotes(size_text(limits.head_bytes)));
  out.number("headers", limits.headers);
  out.line("target", in_quotes(size_text(limits.target_bytes)));
  out.line("body", in_quotes(limits.body_bytes ? size_text(*limits.body_bytes) : "none"));
  out.line("body_rate", in_quotes(size_text(limits.body_bytes_per_second)));
  out.number("requests_per_connection", limits.requests_per_connection);
  out.number("connections_per_client", limits.connections_per_client);
  out.line("response_head", in_quotes(size_text(limits.response_head_bytes)));
  out.number("response_headers", limits.response_headers);
}

void write_timeouts(Writer& out, const Timeouts& timeouts) {
  out.section("[timeouts]", "timeouts");
  out.line("head", in_quotes(timeouts.head));
  out.line("body", in_quotes(timeouts.body));
  out.line("write", in_quotes(timeouts.write));
  out.line("idle", in_quotes(timeouts.idle));
  out.line("tunnel", in_quotes(timeouts.tunnel));
  out.line("tunnel_half_closed", in_quotes(timeouts.tunnel_half_closed));
  out.line("linger", in_quotes(timeouts.linger));
}

void write_forwarding(Writer& out, const Forwarding& forwarding) {
  std::vector<std::string> trusted;
  for (const Network& network : forwarding.trusted_proxies) trusted.push_back(network.text());
  if (forwarding.trust_unix) trusted.emplace_back("unix");
  out.section("[forwarding]", "forwarding");
  out.line("trusted_proxies", quoted_array(trusted));
  out.flag("forwarded", forwarding.say_forwarded);
  out.flag("request_id", forwarding.say_request_id);
  out.line("via", forwarding.via.empty() ? "false" : in_quotes(forwarding.via));
}

void write_proxy_status(Writer& out, const ProxyStatus& settings) {
  out.section("[proxy_status]", "proxy_status");
  out.line("name", in_quotes(settings.name));
  out.flag("next_hop", settings.next_hop);
  out.flag("forwarded", settings.forwarded);
}

void write_recent_requests(Writer& out, const RecentRequests& settings) {
  out.section("[recent_requests]", "recent_requests");
  out.number("notable", settings.notable);
  out.number("others", settings.others);
  out.line("slow", in_quotes(settings.slow));
}

void write_resolver(Writer& out, const Resolver& resolver) {
  if (resolver == Resolver()) return;
  std::vector<std::string> servers;
  for (const Address& server : resolver.servers) servers.push_back(server.text());
  out.section("[resolver]", "resolver");
  out.line("servers", quoted_array(servers));
  out.line("timeout", in_quotes(resolver.timeout));
  out.number("attempts", resolver.attempts);
  const bool is_any = resolver.family == Resolver::Family::any;
  out.line("family", is_any                                      ? "\"any\""
                     : resolver.family == Resolver::Family::ipv4 ? "\"ipv4\""
                                                                 : "\"ipv6\"");
}

void write_errors(Writer& out, const Config& config) {
  if (config.errors.empty()) return;
  out.section("[errors]", "errors");
  for (const auto& [status, page] : config.errors) out.line(std::to_string(status), in_quotes(page->path));
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
