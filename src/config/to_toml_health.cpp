// A pool's health as TOML. What few pools have is told only by those that have it.
#include <sluice/base/text.h>
#include <sluice/config/health.h>

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
  pairs.emplace_back("path", quoted(health.path));
  pairs.emplace_back("expect", expect_text(health.expect));
  if (!health.body.empty()) pairs.emplace_back("body", quoted(health.body));
  if (!health.host.empty()) pairs.emplace_back("host", quoted(health.host));
  if (health.headers.empty()) return;
  Pairs headers;
  for (const auto& [name, value] : health.headers) headers.emplace_back(quoted(name), quoted(value));
  pairs.emplace_back("headers", inline_table(headers));
}

void add_tls(Pairs& pairs, const ProbeTls& tls) {
  if (tls == ProbeTls()) return;
  Pairs said = {{"verify", std::string(truth(tls.verify))}};
  if (!tls.ca_path.empty()) said.emplace_back("ca", quoted(tls.ca_path));
  if (!tls.server_name.empty()) said.emplace_back("server_name", quoted(tls.server_name));
  pairs.emplace_back("tls", inline_table(said));
}

}  // namespace

bool is_expected(const ExpectedStatuses& expected, int status) {
  return std::ranges::any_of(
      expected, [=](const StatusRange& range) { return range.first <= status && status <= range.last; });
}

std::string expect_text(const ExpectedStatuses& expected) {
  if (expected.size() == 1) return range_text(expected.front());
  std::vector<std::string> texts;
  for (const StatusRange& range : expected) texts.push_back(range_text(range));
  return array(texts);
}

std::string health_text(const Health& health) {
  if (!health.enabled) return "false";
  Pairs pairs = {{"type", quoted(type_word(health.type))}};
  if (health.type != ProbeType::tcp) add_request(pairs, health);
  if (health.port != 0) pairs.emplace_back("port", std::to_string(health.port));
  add_tls(pairs, health.tls);
  pairs.emplace_back("interval", quoted(health.interval));
  pairs.emplace_back("fast_interval", quoted(health.fast_interval));
  pairs.emplace_back("timeout", quoted(health.timeout));
  pairs.emplace_back("initial_delay", quoted(health.initial_delay));
  pairs.emplace_back("rise", std::to_string(health.rise));
  pairs.emplace_back("fall", std::to_string(health.fall));
  return inline_table(pairs);
}

}  // namespace sluice::config
