// Backends given by name, and [resolver].
#include <sluice/base/text.h>
#include <sluice/config/names.h>

#include <algorithm>
#include <array>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr std::string_view kSrv = "srv:";

/// Names whose last label is a number are mistyped addresses (WHATWG URL, 3.5). A final dot says that a name
/// is whole.
bool is_resolvable(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!is_host_name(host)) return false;
  const auto dot = host.rfind('.');
  const auto last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  return last.find_first_not_of("0123456789") != std::string_view::npos;
}

const std::string* spelled(const Value& value) {
  const Value* text = value.kind == Value::Kind::table ? value.find("address") : &value;
  return text != nullptr && text->kind == Value::Kind::string ? &text->text : nullptr;
}

}  // namespace

std::string HostName::text() const {
  return is_srv() ? concat({kSrv, host}) : concat({host, ":", std::to_string(port)});
}

std::optional<HostName> parse_host_name(std::string_view text) {
  if (text.starts_with(kSrv)) {
    std::string host = to_lower(text.substr(kSrv.size()));
    if (!is_resolvable(host)) return std::nullopt;
    return HostName{.host = std::move(host)};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string host = to_lower(text.substr(0, colon));
  const auto port = parse_unsigned(text.substr(colon + 1));
  if (!is_resolvable(host) || host == "unix" || !port || *port == 0 || *port > 65535) return std::nullopt;
  return HostName{.host = std::move(host), .port = static_cast<uint16_t>(*port)};
}

std::optional<NamedBackends> parse_named_backends(Reader& pool, const Value& value, const std::string& key) {
  const std::string* text = spelled(value);
  auto name = text != nullptr ? parse_host_name(*text) : std::nullopt;
  if (!name) return std::nullopt;
  NamedBackends named{.name = *std::move(name)};
  if (value.kind != Value::Kind::table) return named;
  Reader reader(value, pool.key_path(key), pool.report());
  reader.take("address");
  parse_backend_settings(reader, named.like);
  for (const std::string_view setting : {"weight", "priority"}) {
    if (named.name.is_srv() && reader.has(setting)) reader.problem(setting, "the SRV records say it");
  }
  reader.finish();
  return named;
}

void parse_resolver(Reader& root, Resolver& resolver) {
  auto reader = root.sub("resolver");
  if (!reader) return;
  for (const Reader::Text& each : reader->read_texts("servers", "addresses")) {
    const auto address = Address::parse(each.text);
    if (address && !address->is_local() && address->port() != 0) {
      resolver.servers.push_back(*address);
    } else {
      reader->problem(each, concat({"expected an IP address with a port such as \"10.0.0.53:53\", got \"",
                                    each.text, "\""}));
    }
  }
  reader->read_duration("timeout", resolver.timeout);
  reader->read_number("attempts", resolver.attempts, 1, 10);
  constexpr std::array kFamilies = {Resolver::Family::any, Resolver::Family::ipv4, Resolver::Family::ipv6};
  if (const auto word = reader->read_word("family", {"any", "ipv4", "ipv6"}))
    resolver.family = kFamilies[*word];
  reader->finish();
}

}  // namespace sluice::config
