// A TOML document as plain values that know their place in the file. toml++ stays behind document.cpp: it is
// slow to compile, and nothing else needs it.
#pragma once

#include <sluice/config/load.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::config {

/// From 1, as editors count; columns are characters.
struct Place {
  unsigned line = 0;
  unsigned column = 0;
};

/// One value; only the members of its kind mean anything.
struct Value {
  enum class Kind { table, array, string, integer, real, boolean, moment };

  Kind kind = Kind::table;
  Place place{};
  std::string text{};
  int64_t integer = 0;
  bool flag = false;
  std::vector<Value> elements{};  ///< of an array, or of a table, by key
  std::string key{};              ///< of a table's element
  Place key_place{};

  /// The value of a key of this table, or nullptr.
  const Value* find(std::string_view name) const;
  /// What its kind is called in a message: "an integer", "a table", ...
  std::string_view kind_words() const;
};

/// The document as one table, or why it is not TOML.
std::variant<Value, Problem> parse_document(std::string_view toml, std::string_view file_name);

}  // namespace sluice::config
