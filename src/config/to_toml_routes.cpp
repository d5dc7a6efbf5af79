// A route as TOML. Settings that few routes have are written only for those that have them.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <map>

#include "config/toml_writer.h"

namespace sluice::config {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs set_pairs(const FieldEdits& edits) {
  Pairs pairs;
  for (const auto& [name, value] : edits.set) pairs.emplace_back(in_quotes(name), in_quotes(value));
  return pairs;
}

/// A name stands once in a table, with as many values as it is added.
Pairs add_pairs(const FieldEdits& edits) {
  std::map<std::string, std::vector<std::string>> by_name;
  for (const auto& [name, value] : edits.add) by_name[name].push_back(value);
  Pairs pairs;
  for (const auto& [name, values] : by_name) {
    pairs.emplace_back(in_quotes(name), values.size() == 1 ? in_quotes(values[0]) : quoted_array(values));
  }
  return pairs;
}

void write_fields(Writer& out, std::string_view key, const FieldEdits& edits) {
  if (edits == FieldEdits{}) return;
  Pairs pairs;
  if (!edits.set.empty()) pairs.emplace_back("set", inline_table(set_pairs(edits)));
  if (!edits.add.empty()) pairs.emplace_back("add", inline_table(add_pairs(edits)));
  if (!edits.remove.empty()) pairs.emplace_back("remove", quoted_array(edits.remove));
  out.line(key, inline_table(pairs));
}

std::string pool_text(const Route& route) {
  if (route.split.empty()) return in_quotes(route.pool);
  Pairs pairs;
  for (const auto& [pool, weight] : route.split) pairs.emplace_back(in_quotes(pool), std::to_string(weight));
  return inline_table(pairs);
}

std::string match_text(const FieldMatch& match) {
  Pairs pairs = {{"name", in_quotes(match.name)}};
  if (match.value) pairs.emplace_back("value", in_quotes(*match.value));
  return inline_table(pairs);
}

/// Beside the path, for people; no two routes of a file have the same.
std::string condition(std::string_view what, const std::optional<FieldMatch>& match) {
  if (!match) return {};
  return concat({" ", what, " ", match->name, match->value ? concat({"=", in_quotes(*match->value)}) : ""});
}

void write_way_to_pool(Writer& out, const Route& route) {
  if (route.rewrite_path) {
    out.line("rewrite_path", in_quotes(*route.rewrite_path));
  } else {
    out.flag("strip_path", route.strip_path);
  }
  if (!route.rewrite_host.empty()) out.line("rewrite_host", in_quotes(route.rewrite_host));
  out.line("upgrade", quoted_array(route.upgrade));
  write_fields(out, "request_fields", route.request_fields);
  write_fields(out, "response_fields", route.response_fields);
  out.line("pool", pool_text(route));
}

}  // namespace

void write_route(Writer& out, const Route& route) {
  out.section("[[route]]", concat({"route ", route.host, route.path, condition("header", route.header),
                                   condition("cookie", route.cookie)}));
  if (!route.name.empty()) out.line("name", in_quotes(route.name));
  if (!route.host.empty()) out.line("host", in_quotes(route.host));
  out.line("path", in_quotes(route.path));
  if (route.path_match == PathMatch::raw) out.line("path_match", in_quotes("raw"));
  if (route.header) out.line("header", match_text(*route.header));
  if (route.cookie) out.line("cookie", match_text(*route.cookie));
  if (!route.redirect && !route.respond) return write_way_to_pool(out, route);
  write_fields(out, "response_fields", route.response_fields);
  if (route.redirect) {
    out.line("redirect", inline_table({{"to", in_quotes(route.redirect->to)},
                                       {"status", std::to_string(route.redirect->status)}}));
  } else {
    out.line("respond", inline_table({{"status", std::to_string(route.respond->status)},
                                      {"body", in_quotes(route.respond->body)},
                                      {"content_type", in_quotes(route.respond->content_type)}}));
  }
}

}  // namespace sluice::config
