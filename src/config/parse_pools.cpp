// [pool.X] with its backends, health, queue and timeouts.
#include <sluice/base/text.h>

#include <algorithm>
#include <array>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

/// What a backend may be besides an address.
constexpr std::string_view kOrName =
    ", or a name with a port (\"app.internal:8080\"), without a scheme or a path";

constexpr size_t kLongestLabel = 100;
constexpr uint32_t kMostBackendWeight = 1000;
constexpr uint32_t kMostRequests = 1'000'000;
constexpr uint8_t kLastPriority = 9;
constexpr std::string_view kTagExpected =
    "expected a tag of at most 100 printable ASCII characters without spaces";
constexpr std::string_view kNoPortZero = "a backend's port cannot be 0";

bool is_tag(std::string_view text) {
  return text.size() <= kLongestLabel && is_visible(text);
}

/// The first setting of a pool right below [pool], which lacks the pool's name; a list is one under whatever
/// name. One whose value is a table may as well be a pool of that name.
const Value* nameless_setting(const Value& pools) {
  constexpr std::array<std::string_view, 13> kSettings = {
      "backends",   "resolve_interval", "balance",  "proxy_protocol", "keep_alive", "health",
      "slow_start", "when_all_down",    "ejection", "drain_header",   "queue",      "retry",
      "timeouts"};
  for (const Value& element : pools.elements) {
    const bool is_setting = std::ranges::find(kSettings, element.key) != kSettings.end();
    const bool is_list = element.kind == Value::Kind::array;
    if ((is_setting && element.kind != Value::Kind::table) || (is_list && !is_array_of_tables(element))) {
      return &element;
    }
  }
  return nullptr;
}

bool has_port(const Address& address) {
  return address.is_local() || address.port() != 0;
}

void parse_queue(Reader& pool, Queue& queue) {
  auto reader = pool.sub("queue");
  if (!reader) return;
  reader->read_number("max", queue.max, 0, 1'000'000);
  reader->read_duration("timeout", queue.timeout, Reader::Zero::allowed);
  reader->finish();
}

void parse_pool_timeouts(Reader& pool, PoolTimeouts& timeouts) {
  auto reader = pool.sub("timeouts");
  if (!reader) return;
  reader->read_duration("connect", timeouts.connect);
  reader->read_duration("response", timeouts.response);
  reader->read_duration("idle", timeouts.idle);
  reader->read_duration("continue", timeouts.expect_continue, Reader::Zero::allowed);
  reader->read_duration("tunnel_drain", timeouts.tunnel_drain, Reader::Zero::allowed);
  reader->finish();
}

void read_tag(Reader& reader, std::string_view key, std::string& tag) {
  if (reader.read(key, tag) && !is_tag(tag)) reader.problem(key, std::string(kTagExpected));
}

/// Of { address = ..., weight = ..., version = ... }.
std::optional<Address> parse_backend_table(Reader reader, Backend& backend) {
  const auto address = reader.read_address("address", "an address such as \"10.0.0.1:80\"", kOrName);
  parse_backend_settings(reader, backend);
  reader.finish();
  return address;
}

/// A backend in either of its two spellings; nothing when it is none.
std::optional<Backend> parse_backend(Reader& pool, const Value& value, const std::string& name) {
  Backend backend;
  std::optional<Address> address;
  if (value.kind == Value::Kind::table) {
    address = parse_backend_table(Reader(value, pool.key_path(name), pool.report()), backend);
  } else if (value.kind == Value::Kind::string) {
    address = pool.address_of(value, name, kOrName);
  } else {
    pool.report().add(value.place, pool.key_path(name),
                      concat({"expected an address or { address = ... }, got ", value.kind_words()}));
  }
  if (!address) return std::nullopt;
  if (!has_port(*address)) {
    pool.report().add(value.place, pool.key_path(name), std::string(kNoPortZero));
    return std::nullopt;
  }
  backend.address = *address;
  return backend;
}

void parse_backends(Reader& pool, std::vector<Backend>& backends, std::vector<NamedBackends>& names) {
  const Value* given = pool.take("backends");
  if (given == nullptr) return;
  if (given->kind != Value::Kind::array) {
    return pool.expected("backends", "an array of addresses", given->kind_words());
  }
  size_t index = 0;
  for (const Value& element : given->elements) {
    const std::string name = concat({"backends[", std::to_string(index++), "]"});
    const auto is_there = [&](const std::string& text) {
      pool.report().add(element.place, pool.key_path(name), concat({text, " is in this pool already"}));
    };
    if (auto named = parse_named_backends(pool, element, name)) {
      const bool is_new = std::ranges::find(names, named->name, &NamedBackends::name) == names.end();
      is_new ? names.push_back(*std::move(named)) : is_there(named->name.text());
      continue;
    }
    auto backend = parse_backend(pool, element, name);
    if (!backend) continue;
    if (std::ranges::find(backends, backend->address, &Backend::address) != backends.end()) {
      is_there(backend->address.text());
      continue;
    }
    backends.push_back(*std::move(backend));
  }
}

void parse_proxy_protocol(Reader& pool, ProxyProtocol& protocol) {
  constexpr std::array kProtocols = {ProxyProtocol::none, ProxyProtocol::v1, ProxyProtocol::v2};
  if (const auto word = pool.read_word("proxy_protocol", {"none", "v1", "v2"})) protocol = kProtocols[*word];
}

void parse_pool(Reader& reader, Pool& pool) {
  parse_balance(reader, pool.balance);
  parse_backends(reader, pool.backends, pool.names);
  reader.read_duration("resolve_interval", pool.resolve_interval, Reader::Zero::allowed);
  parse_health(reader, pool);
  reader.read_duration("slow_start", pool.slow_start, Reader::Zero::allowed);
  if (const auto word = reader.read_word("when_all_down", {"queue", "try"})) {
    pool.when_all_down = *word == 0 ? WhenAllDown::queue : WhenAllDown::try_anyway;
  }
  parse_ejection(reader, pool.ejection);
  parse_drain_header(reader, pool.drain_header);
  parse_queue(reader, pool.queue);
  parse_retry(reader, pool.retry);
  parse_pool_timeouts(reader, pool.timeouts);
  parse_proxy_protocol(reader, pool.proxy_protocol);
  reader.read("keep_alive", pool.keep_alive);
  reader.finish();
}

}  // namespace

void parse_backend_settings(Reader& reader, Backend& backend) {
  reader.read_number("weight", backend.weight, 0, kMostBackendWeight);
  read_tag(reader, "version", backend.version);
  reader.read_number("max_requests", backend.max_requests, 1, kMostRequests);
  reader.read_number("priority", backend.priority, 0, kLastPriority);
  read_tag(reader, "zone", backend.zone);
}

void parse_pools(Reader& root, Config& config) {
  const Value* given = root.take("pool");
  if (given == nullptr) return;
  if (given->kind != Value::Kind::table) {
    return root.expected("pool", "[pool.NAME] tables", given->kind_words());
  }
  if (const Value* setting = nameless_setting(*given)) {
    return root.report().add(
        setting->key_place, concat({"pool.", setting->key}),
        "a pool has a name: expected [pool.NAME], such as [pool.app], above its settings");
  }
  Reader pools(*given, "pool", root.report());
  for (const Value& element : given->elements) {
    const std::string& name = element.key;
    auto pool = std::make_shared<Pool>();
    pool->name = name;
    if (!is_name(name)) {
      root.report().add(element.key_place, pools.key_path(name),
                        "expected a pool name of at most 100 letters, digits, '.', '_' and '-'");
    }
    if (auto reader = pools.sub(name)) parse_pool(*reader, *pool);
    config.pools[name] = std::move(pool);
  }
}

Result<void> check_backend(const Backend& backend) {
  const auto wrong = [](std::string_view message) {
    return Error{.code = ErrorCode::usage, .message = std::string(message)};
  };
  if (!has_port(backend.address)) return wrong(kNoPortZero);
  if (backend.weight > kMostBackendWeight) return wrong("expected a weight from 0 to 1000");
  if (!is_tag(backend.version) || !is_tag(backend.zone)) return wrong(kTagExpected);
  if (backend.max_requests > kMostRequests) return wrong("expected at most 1000000 requests at a time");
  if (backend.priority > kLastPriority) return wrong("expected a priority from 0 to 9");
  return {};
}

}  // namespace sluice::config
