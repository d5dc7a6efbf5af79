// A typed view of one table of the file. It collects every problem instead of stopping at the first, and
// knows which keys were taken, so that the unknown ones fall out by themselves.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"

namespace sluice::config {

/// Where problems go.
struct Report {
  std::string file;
  Checks checks{};
  Problems problems{};

  void add(Place place, std::string key, std::string message);
  /// Of the file as a whole.
  void add(std::string message);
};

/// What [[name]] makes of a key.
bool is_array_of_tables(const Value& value);

class Reader {
 public:
  /// `path` is the dotted key of the table; empty for the whole file.
  Reader(const Value& table, std::string path, Report& report);

  bool has(std::string_view key) const { return table_.find(key) != nullptr; }
  /// An array or table without elements is nothing, too.
  bool has_any(std::string_view key) const;
  /// Of a table whose keys are names of something; there is no finish() to it.
  const std::vector<Value>& elements() const { return table_.elements; }
  std::string key_path(std::string_view key) const;
  /// Of a key's value; of the table when the key is not there.
  Place place_of(std::string_view key) const;
  Report& report() { return report_; }

  /// The value of a key, which is then known here; nullptr when it is not there.
  const Value* take(std::string_view key);
  /// A key that belongs here but that this version does not do: a problem, unless its value asks for nothing.
  void not_yet(std::string_view key, const std::function<bool(const Value&)>& asks_for_nothing = {});

  // Each leaves `value` alone when the key is not there, and reports what is wrong.
  /// True when there was a text to read.
  bool read(std::string_view key, std::string& value);
  /// Also with line ends and other control characters, as a body may have them.
  void read_text(std::string_view key, std::string& value);
  void read(std::string_view key, bool& value);
  void read_number(std::string_view key, uint64_t& value, uint64_t least, uint64_t most);
  template <class Number>
  void read_number(std::string_view key, Number& value, uint64_t least, uint64_t most) {
    auto wide = static_cast<uint64_t>(value);
    read_number(key, wide, least, most);
    value = static_cast<Number>(wide);
  }
  enum class Zero { allowed, forbidden };
  void read_duration(std::string_view key, Duration& value, Zero zero = Zero::forbidden);
  void read_size(std::string_view key, uint64_t& value, uint64_t least, uint64_t most);
  /// One of `words`; its index.
  std::optional<size_t> read_word(std::string_view key, const std::vector<std::string_view>& words);
  /// `what` says what the address is for, with an example, when the key is not there; `also` ends the message
  /// about one that is none.
  std::optional<Address> read_address(std::string_view key, std::string_view what,
                                      std::string_view also = {});
  /// The address that a value spells.
  std::optional<Address> address_of(const Value& value, std::string_view key, std::string_view also = {});

  /// One string of an array, under its own key, as "route[0].upgrade[1]".
  struct Text {
    std::string key;
    Place place;
    std::string_view text;
  };
  /// Those of the array of a key. `what` they are, in the plural.
  std::vector<Text> read_texts(std::string_view key, std::string_view what);
  /// What `value` spells; nullptr, and a problem of `key`, when it is no string or has control characters.
  const std::string* text_of(std::string_view key, const Value& value, std::string_view what);
  /// The table of a key, when there is one.
  std::optional<Reader> sub(std::string_view key);
  /// The tables of [[key]], each under its own path, as "listener[0]".
  std::vector<Reader> tables(std::string_view key);

  void problem(std::string_view key, std::string message);
  void problem(const Text& text, std::string message);
  /// A problem with what was expected and the text that was found.
  void expected(std::string_view key, std::string_view what, std::string_view found);
  /// As expected(), of a value of the wrong kind. An array of tables where a table may stand has too many
  /// brackets.
  void wrong_kind(std::string_view key, std::string_view what, const Value& value);
  /// Reports the keys that were not taken. Call last.
  void finish();

 private:
  const Value& table_;
  std::string path_;
  Report& report_;
  std::vector<std::string_view> known_;
  std::vector<std::string_view> not_yet_;
};

/// `"a", "b", "c"`, or without the quotes.
std::string listed(const std::vector<std::string_view>& words, std::string_view quote);
/// `, did you mean "x"?` when one of the words is near; else nothing.
std::string hint(std::string_view word, const std::vector<std::string_view>& words);

}  // namespace sluice::config
