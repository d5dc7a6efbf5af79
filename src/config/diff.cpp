#include <sluice/base/text.h>
#include <sluice/config/diff.h>

#include <algorithm>

#include "config/toml_writer.h"

namespace sluice::config {
namespace {

using Lines = std::vector<std::string>;
using Pools = std::map<std::string, std::shared_ptr<const Pool>, std::less<>>;

const std::string* value_of(const Section& section, std::string_view key) {
  for (const auto& [name, value] : section.lines) {
    if (name == key) return &value;
  }
  return nullptr;
}

/// A comment has no key and says nothing of its own; backends are listed one by one.
bool is_told_elsewhere(std::string_view key) {
  return key.empty() || key == "backends";
}

void compare_sections(const Section& before, const Section& after, Lines& out) {
  const auto tell = [&](std::string_view key, std::string_view what) {
    out.push_back(concat({"~ ", after.name, ": ", key, what}));
  };
  for (const auto& [key, value] : after.lines) {
    if (is_told_elsewhere(key)) continue;
    const std::string* was = value_of(before, key);
    if (was == nullptr) tell(key, concat({" = ", value, " (was not set)"}));
    if (was != nullptr && *was != value) tell(key, concat({" = ", value, " (was ", *was, ")"}));
  }
  for (const auto& [key, value] : before.lines) {
    if (is_told_elsewhere(key) || value_of(after, key) != nullptr) continue;
    tell(key, concat({" not set (was ", value, ")"}));
  }
}

using ByName = std::map<std::string_view, const Section*>;

ByName by_name(const std::vector<Section>& sections) {
  ByName found;
  for (const Section& section : sections) found[section.name] = &section;
  return found;
}

/// Those of the file's tables that are no pools.
template <class Write>
void compare_tables(const Config& before, const Config& after, Lines& out, Write write) {
  Writer old_tables;
  Writer new_tables;
  write(old_tables, before);
  write(new_tables, after);
  const ByName old_ones = by_name(old_tables.sections());
  const ByName new_ones = by_name(new_tables.sections());
  for (const auto& [name, section] : new_ones) {
    const auto was = old_ones.find(name);
    if (was != old_ones.end()) {
      compare_sections(*was->second, *section, out);
    } else {
      out.push_back(concat({"+ ", name}));
    }
  }
  for (const auto& [name, section] : old_ones) {
    if (!new_ones.contains(name)) out.push_back(concat({"- ", name}));
  }
}

std::string words(const Backend& backend) {
  std::string text;
  if (backend.weight != 1) text += concat({" weight=", std::to_string(backend.weight)});
  if (!backend.version.empty()) text += field("version", backend.version);
  if (backend.max_requests != 0) text += concat({" max_requests=", std::to_string(backend.max_requests)});
  if (backend.priority != 0) text += concat({" priority=", std::to_string(backend.priority)});
  if (!backend.zone.empty()) text += field("zone", backend.zone);
  if (backend.drain) text += " draining";
  return text;
}

std::string or_plain(const std::string& words) {
  return words.empty() ? " as by default" : words;
}

void compare_backends(const std::string& pool, const std::vector<Backend>& before,
                      const std::vector<Backend>& after, Lines& out) {
  const auto find = [](const std::vector<Backend>& backends, const Address& address) {
    const auto found = std::ranges::find(backends, address, &Backend::address);
    return found == backends.end() ? nullptr : &*found;
  };
  for (const Backend& backend : after) {
    const std::string name = concat({"backend ", pool, " ", backend.address.text()});
    const Backend* was = find(before, backend.address);
    if (was == nullptr) {
      out.push_back(concat({"+ ", name, words(backend)}));
    } else if (*was != backend) {
      out.push_back(concat({"~ ", name, ":", or_plain(words(backend)), " (was", or_plain(words(*was)), ")"}));
    }
  }
  for (const Backend& backend : before) {
    if (find(after, backend.address) != nullptr) continue;
    out.push_back(concat({"- backend ", pool, " ", backend.address.text()}));
  }
}

/// Their addresses are listed as backends.
void compare_names(const std::string& pool, const std::vector<NamedBackends>& before,
                   const std::vector<NamedBackends>& after, Lines& out) {
  for (const auto& [name, like] : after) {
    const std::string text = concat({"name ", pool, " ", name.text()});
    const auto was = std::ranges::find(before, name, &NamedBackends::name);
    if (was == before.end()) {
      out.push_back(concat({"+ ", text, words(like)}));
    } else if (was->like != like) {
      out.push_back(
          concat({"~ ", text, ":", or_plain(words(like)), " (was", or_plain(words(was->like)), ")"}));
    }
  }
  for (const auto& [name, unused] : before) {
    if (std::ranges::find(after, name, &NamedBackends::name) != after.end()) continue;
    out.push_back(concat({"- name ", pool, " ", name.text()}));
  }
}

void compare_pool(const Pool& before, const Pool& after, Lines& out) {
  Writer old_table;
  Writer new_table;
  write_pool(old_table, before);
  write_pool(new_table, after);
  compare_sections(old_table.sections().front(), new_table.sections().front(), out);
  if (before.health.tls.ca_path == after.health.tls.ca_path && before.health.tls.ca != after.health.tls.ca) {
    out.push_back(concat({"~ pool ", after.name, ": health.tls.ca has other certificates"}));
  }
  compare_names(after.name, before.names, after.names, out);
  compare_backends(after.name, before.backends, after.backends, out);
}

/// What did not change is the same object, and costs nothing.
void compare_pools(const Pools& before, const Pools& after, Lines& out) {
  for (const auto& [name, pool] : after) {
    const auto was = before.find(name);
    if (was == before.end()) {
      out.push_back(concat({"+ pool ", name}));
      compare_names(name, {}, pool->names, out);
      compare_backends(name, {}, pool->backends, out);
    } else if (was->second != pool) {
      compare_pool(*was->second, *pool, out);
    }
  }
  for (const auto& [name, pool] : before) {
    if (!after.contains(name)) out.push_back(concat({"- pool ", name}));
  }
}

void compare_error_pages(const Config& before, const Config& after, Lines& out) {
  for (const auto& [status, page] : after.errors) {
    const auto was = before.errors.find(status);
    if (was == before.errors.end() || was->second->path != page->path || *was->second == *page) continue;
    out.push_back(concat({"~ errors: ", std::to_string(status), " has another text"}));
  }
}

}  // namespace

std::vector<std::string> differences(const Config& before, const Config& after) {
  Lines out;
  compare_tables(before, after, out, [](Writer& writer, const Config& config) {
    write_server(writer, config.server);
    for (const Listener& listener : config.listeners) write_listener(writer, listener);
    for (const Route& route : config.routes) write_route(writer, route);
  });
  compare_pools(before.pools, after.pools, out);
  compare_tables(before, after, out, [](Writer& writer, const Config& config) {
    write_limits(writer, config.limits);
    write_timeouts(writer, config.timeouts);
    write_resolver(writer, config.resolver);
    write_forwarding(writer, config.forwarding);
    write_proxy_status(writer, config.proxy_status);
    write_recent_requests(writer, config.recent_requests);
    write_errors(writer, config);
  });
  compare_error_pages(before, after, out);
  return out;
}

}  // namespace sluice::config
