// A typed view of one TOML table that collects every problem, and knows which of its keys were taken, so that
// the unknown ones fall out by themselves. toml++'s one home is src/config.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/config/load.h>
#include <toml++/toml.h>

namespace sluice::config {

/// Where problems go.
struct Report {
  std::string file;
  Problems problems;

  void add(const toml::source_region& where, std::string key, std::string message);
  void add(std::string message) { problems.push_back({.file = file, .message = std::move(message)}); }
};

/// What a value of the wrong type is called in a message: "an integer", "a table", ...
std::string_view type_word(const toml::node& node);

class Reader {
 public:
  /// `path` is the dotted key of the table; empty for the whole file.
  Reader(const toml::table& table, std::string path, Report& report);

  const toml::table& table() const { return table_; }
  const std::string& path() const { return path_; }
  std::string key_path(std::string_view key) const;

  /// The node of a key, which is then taken; nullptr when it is not there.
  const toml::node* take(std::string_view key);
  /// A key that this version knows but does not do: a problem, unless its value is `harmless`.
  void not_yet(std::string_view key, const std::function<bool(const toml::node&)>& harmless = {});

  // Each leaves `value` alone when the key is not there, and reports what is wrong.
  void read(std::string_view key, std::string& value);
  void read(std::string_view key, bool& value);
  void read_number(std::string_view key, uint64_t& value, uint64_t least, uint64_t most);
  template <class Number>
  void read_number(std::string_view key, Number& value, uint64_t least, uint64_t most) {
    uint64_t wide = static_cast<uint64_t>(value);
    read_number(key, wide, least, most);
    value = static_cast<Number>(wide);
  }
  enum class Zero { allowed, forbidden };
  void read_duration(std::string_view key, Duration& value, Zero zero);
  void read_size(std::string_view key, uint64_t& value);
  /// One of `words`; its index.
  std::optional<size_t> read_word(std::string_view key, const std::vector<std::string_view>& words);
  std::optional<Address> read_address(std::string_view key);

  /// The table of a key, when there is one.
  std::optional<Reader> sub(std::string_view key);

  /// "sluice.toml:3:8" of a key that is there.
  std::string place_of(std::string_view key) const;

  void problem(std::string_view key, std::string message);
  /// Reports the keys that nobody took. Call last.
  void finish();

 private:
  void expected(std::string_view key, const toml::node& node, std::string_view what);

  const toml::table& table_;
  std::string path_;
  Report& report_;
  std::vector<std::string_view> known_;
};

}  // namespace sluice::config
