#include "config/document.h"

#include <sluice/base/text.h>

#include <algorithm>

#include "config/toml_library.h"

namespace sluice::config {
namespace {

using Kind = Value::Kind;

Place place_of(const toml::source_region& region) {
  return {static_cast<unsigned>(region.begin.line), static_cast<unsigned>(region.begin.column)};
}

Value value_of(const toml::node& node);

Value table_of(const toml::table& table) {
  Value value{.kind = Kind::table};
  for (const auto& [key, node] : table) {
    Value& element = value.elements.emplace_back(value_of(node));
    element.key = std::string(key.str());
    element.key_place = place_of(key.source());
  }
  return value;
}

Value array_of(const toml::array& array) {
  Value value{.kind = Kind::array};
  for (const toml::node& node : array) value.elements.push_back(value_of(node));
  return value;
}

Value without_place(const toml::node& node) {
  if (const auto* table = node.as_table()) return table_of(*table);
  if (const auto* array = node.as_array()) return array_of(*array);
  if (const auto* string = node.as_string()) return {.kind = Kind::string, .text = string->get()};
  if (const auto* integer = node.as_integer()) return {.kind = Kind::integer, .integer = integer->get()};
  if (const auto* boolean = node.as_boolean()) return {.kind = Kind::boolean, .flag = boolean->get()};
  return {.kind = node.is_floating_point() ? Kind::real : Kind::moment};
}

Value value_of(const toml::node& node) {
  Value value = without_place(node);
  value.place = place_of(node.source());
  return value;
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

/// Behind the string that begins at `at`: at most at the end of its line, unless it has three quotes.
size_t end_of_string(std::string_view toml, size_t at) {
  const char quote = toml[at];
  const std::string three(3, quote);
  const bool has_lines = toml.substr(at).starts_with(three);
  at += has_lines ? 3 : 1;
  while (at < toml.size()) {
    if (quote == '"' && toml[at] == '\\') {
      at += 2;
    } else if (has_lines && toml.substr(at).starts_with(three)) {
      at += 3;
      // Up to two more are the string's own.
      for (int more = 0; more < 2 && at < toml.size() && toml[at] == quote; ++more) ++at;
      return at;
    } else if (!has_lines && (toml[at] == quote || toml[at] == '\n')) {
      return at + 1;
    } else {
      ++at;
    }
  }
  return toml.size();
}

/// The first character that is not ASCII outside strings and comments, where TOML has none; npos when there
/// is no such. toml++ takes for unreachable what it comes to with most of them, instead of refusing them.
size_t first_stray(std::string_view toml) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  size_t at = toml.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (at < toml.size()) {
    if (toml[at] == '"' || toml[at] == '\'') {
      at = end_of_string(toml, at);
    } else if (toml[at] == '#') {
      at = std::min(toml.find('\n', at), toml.size());
    } else if (is_ascii(toml[at])) {
      ++at;
    } else {
      return at;
    }
  }
  return std::string_view::npos;
}

Problem stray_at(size_t at, std::string_view toml, std::string_view file_name) {
  const auto is_continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
  const auto before = toml.substr(0, at);
  const auto line = before.substr(before.rfind('\n') + 1);  // All of it when there is none.
  return {.file = std::string(file_name),
          .line = static_cast<unsigned>(std::ranges::count(before, '\n') + 1),
          .column = static_cast<unsigned>(line.size() + 1 -
                                          static_cast<size_t>(std::ranges::count_if(line, is_continuation))),
          .message = "not valid TOML: a character that is not ASCII; keys and values with one need quotes"};
}

}  // namespace

const Value* Value::find(std::string_view name) const {
  if (kind != Kind::table) return nullptr;
  const auto found = std::ranges::find(elements, name, &Value::key);
  return found == elements.end() ? nullptr : &*found;
}

std::string_view Value::kind_words() const {
  switch (kind) {
    case Kind::table:
      return "a table";
    case Kind::array:
      return "an array";
    case Kind::string:
      return "a string";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a float";
    case Kind::boolean:
      return "a boolean";
    case Kind::moment:
      break;
  }
  return "a date or time";
}

std::variant<Value, Problem> parse_document(std::string_view toml, std::string_view file_name) {
  if (const size_t at = first_stray(toml); at != std::string_view::npos) {
    return stray_at(at, toml, file_name);
  }
  const toml::parse_result parsed = toml::parse(toml, file_name);
  if (parsed) return value_of(parsed.table());
  const Place place = place_of(parsed.error().source());
  return Problem{.file = std::string(file_name),
                 .line = place.line,
                 .column = place.column,
                 .message = concat({"not valid TOML: ", parsed.error().description()})};
}

}  // namespace sluice::config
