// [pool.X] with its backends, health, queue, retry and timeouts.
#include <algorithm>

#include <sluice/base/text.h>

#include "config/parse.h"

namespace sluice::config {
namespace {

bool is_name(std::string_view name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= 100 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

void parse_health(Reader& pool, Health& health) {
  const toml::node* node = pool.table().get("health");
  if (node != nullptr && node->is_boolean()) {
    pool.read("health", health.enabled);
    return;
  }
  auto sub = pool.sub("health");
  if (!sub) return;
  Reader& reader = *sub;
  reader.read("path", health.path);
  if (!health.path.starts_with('/') || health.path.find_first_of(" \r\n\t#") != std::string::npos) {
    reader.problem("path", "expected a path that begins with \"/\", without spaces");
  }
  reader.read_duration("interval", health.interval, Reader::Zero::forbidden);
  reader.read_duration("timeout", health.timeout, Reader::Zero::forbidden);
  reader.read_number("rise", health.rise, 1, 1000);
  reader.read_number("fall", health.fall, 1, 1000);
  reader.read_number("expect", health.expect, 200, 599);
  reader.finish();
}

void parse_queue(Reader reader, Queue& queue) {
  reader.read_number("max", queue.max, 0, 1'000'000);
  reader.read_duration("timeout", queue.timeout, Reader::Zero::allowed);
  reader.finish();
}

void parse_retry(Reader reader, Retry& retry) {
  reader.read_number("attempts", retry.attempts, 1, 100);
  reader.read_size("buffer", retry.buffer_bytes);
  if (retry.buffer_bytes > (uint64_t{16} << 20)) reader.problem("buffer", "expected at most \"16MiB\"");
  reader.read("non_idempotent", retry.non_idempotent);
  reader.finish();
}

void parse_pool_timeouts(Reader reader, PoolTimeouts& timeouts) {
  reader.read_duration("connect", timeouts.connect, Reader::Zero::forbidden);
  reader.read_duration("response", timeouts.response, Reader::Zero::forbidden);
  reader.read_duration("idle", timeouts.idle, Reader::Zero::forbidden);
  reader.finish();
}

/// The address of a backend in either of its two spellings; a problem when it is none.
std::optional<Backend> parse_backend(const toml::node& node, const std::string& path, Report& report) {
  Backend backend;
  std::optional<Address> address;
  if (const auto* text = node.as_string()) {
    auto parsed = Address::parse(text->get());
    if (!parsed) {
      report.add(node.source(), path, parsed.error().message);
      return std::nullopt;
    }
    address = *parsed;
  } else if (const auto* table = node.as_table()) {
    Reader reader(*table, path, report);
    const bool given = table->contains("address");
    address = reader.read_address("address");
    if (!given) reader.problem("address", "missing: expected an address such as \"10.0.0.1:80\"");
    reader.read_number("weight", backend.weight, 1, 1000);
    reader.read("version", backend.version);
    if (!is_name(backend.version) && !backend.version.empty()) {
      reader.problem("version", "expected a tag of letters, digits, '.', '_' and '-'");
    }
    reader.not_yet("max_requests");
    reader.finish();
  } else {
    report.add(node.source(), path,
               concat({"expected an address or { address = ... }, got ", type_word(node)}));
  }
  if (!address) return std::nullopt;
  if (!address->is_local() && address->port() == 0) {
    report.add(node.source(), path, "a backend's port cannot be 0");
    return std::nullopt;
  }
  backend.address = *address;
  return backend;
}

void parse_backends(Reader& pool_reader, Pool& pool, Report& report) {
  const toml::node* node = pool_reader.take("backends");
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) {
    pool_reader.problem("backends", concat({"expected an array of addresses, got ", type_word(*node)}));
    return;
  }
  size_t index = 0;
  for (const auto& element : *array) {
    const std::string path = concat({pool_reader.key_path("backends"), "[", std::to_string(index++), "]"});
    auto backend = parse_backend(element, path, report);
    if (!backend) continue;
    if (std::ranges::find(pool.backends, backend->address, &Backend::address) != pool.backends.end()) {
      report.add(element.source(), path, concat({backend->address.text(), " is in this pool already"}));
      continue;
    }
    pool.backends.push_back(*std::move(backend));
  }
}

bool is_no_duration(const toml::node& node) {
  return node.is_string() && node.as_string()->get() == "0s";
}

}  // namespace

void parse_pools(const toml::node* node, Config& config, Report& report) {
  if (node == nullptr) return;
  const auto* pools = node->as_table();
  if (pools == nullptr) return report.add(node->source(), "pool", "expected [pool.NAME] tables");
  for (const auto& [key, value] : *pools) {
    auto pool = std::make_shared<Pool>();
    pool->name = std::string(key.str());
    const std::string path = concat({"pool.", pool->name});
    const auto* table = value.as_table();
    if (table == nullptr) {
      report.add(key.source(), path, concat({"expected a table, got ", type_word(value)}));
      continue;
    }
    if (!is_name(pool->name)) {
      report.add(key.source(), path, "expected a pool name of letters, digits, '.', '_' and '-'");
    }
    Reader reader(*table, path, report);
    reader.read_word("balance", {"round_robin"});
    parse_backends(reader, *pool, report);
    parse_health(reader, pool->health);
    if (auto queue = reader.sub("queue")) parse_queue(*std::move(queue), pool->queue);
    if (auto retry = reader.sub("retry")) parse_retry(*std::move(retry), pool->retry);
    if (auto timeouts = reader.sub("timeouts")) parse_pool_timeouts(*std::move(timeouts), pool->timeouts);
    reader.not_yet("slow_start", is_no_duration);
    reader.finish();
    config.pools[pool->name] = std::move(pool);
  }
}

}  // namespace sluice::config
