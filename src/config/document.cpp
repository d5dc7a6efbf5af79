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
  const toml::parse_result parsed = toml::parse(toml, file_name);
  if (parsed) return value_of(parsed.table());
  const Place place = place_of(parsed.error().source());
  return Problem{.file = std::string(file_name),
                 .line = place.line,
                 .column = place.column,
                 .message = concat({"not valid TOML: ", parsed.error().description()})};
}

}  // namespace sluice::config
