// A pool's health as TOML. Settings that few pools have are written only for those that have them.
#include <sluice/base/text.h>
#include <sluice/config/health.h>
#include <sluice/config/load.h>

#include <algorithm>

#include "config/toml_writer.h"

namespace sluice::config {
namespace {

std::string range_text(const StatusRange& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.last ? first : concat({"\"", first, "-", std::to_string(range.last), "\""});
}

std::string_view type_word(ProbeType type) {
  if (type == ProbeType::http) return "http";
  return type == ProbeType::https ? "https" : "tcp";
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void add_request(Pairs& pairs, const Health& health) {
  pairs.emplace_back("path", in_quotes(health.path));
  pairs.emplace_back("expect", expect_text(health.expect));
  if (!health.body.empty()) pairs.emplace_back("body", in_quotes(health.body));
  if (!health.host.empty()) pairs.emplace_back("host", in_quotes(health.host));
  if (health.headers.empty()) return;
  Pairs headers;
  for (const auto& [name, value] : health.headers) headers.emplace_back(in_quotes(name), in_quotes(value));
  pairs.emplace_back("headers", inline_table(headers));
}

void add_tls(Pairs& pairs, const ProbeTls& tls) {
  if (tls == ProbeTls()) return;
  Pairs said = {{"verify", std::string(truth(tls.verify))}};
  if (!tls.ca_path.empty()) said.emplace_back("ca", in_quotes(tls.ca_path));
  if (!tls.server_name.empty()) said.emplace_back("server_name", in_quotes(tls.server_name));
  pairs.emplace_back("tls", inline_table(said));
}

}  // namespace

bool is_expected(const ExpectedStatuses& expected, int status) {
  return std::ranges::any_of(
      expected, [=](const StatusRange& range) { return range.first <= status && status <= range.last; });
}

std::string probe_text(const Health& health) {
  if (!health.enabled) return "none";
  const std::string every = concat({" every ", duration_text(health.interval)});
  if (health.type == ProbeType::tcp) return concat({"a TCP connection", every});
  const std::string_view scheme = health.type == ProbeType::https ? " over TLS" : "";
  return concat({"GET ", health.path, scheme, every, ", expects ", expect_text(health.expect)});
}

std::string expect_text(const ExpectedStatuses& expected) {
  if (expected.size() == 1) return range_text(expected.front());
  std::vector<std::string> texts;
  for (const StatusRange& range : expected) texts.push_back(range_text(range));
  return array(texts);
}

std::string health_text(const Health& health) {
  if (!health.enabled) return "false";
  Pairs pairs = {{"type", in_quotes(type_word(health.type))}};
  if (health.type != ProbeType::tcp) add_request(pairs, health);
  if (health.port != 0) pairs.emplace_back("port", std::to_string(health.port));
  add_tls(pairs, health.tls);
  pairs.emplace_back("interval", in_quotes(health.interval));
  pairs.emplace_back("fast_interval", in_quotes(health.fast_interval));
  pairs.emplace_back("timeout", in_quotes(health.timeout));
  pairs.emplace_back("initial_delay", in_quotes(health.initial_delay));
  pairs.emplace_back("rise", std::to_string(health.rise));
  pairs.emplace_back("fall", std::to_string(health.fall));
  return inline_table(pairs);
}

}  // namespace sluice::config
