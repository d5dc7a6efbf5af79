#include "config/reader.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <utility>

namespace sluice::config {

using Kind = Value::Kind;

std::string listed(const std::vector<std::string_view>& words, std::string_view quote) {
  std::string list;
  for (const auto word : words) list += concat({list.empty() ? "" : ", ", quote, word, quote});
  return list;
}

std::string hint(std::string_view word, const std::vector<std::string_view>& words) {
  const auto near = closest_match(word, words);
  return near ? concat({", did you mean \"", *near, "\"?"}) : std::string();
}

void Report::add(Place place, std::string key, std::string message) {
  problems.push_back({.file = file,
                      .line = place.line,
                      .column = place.column,
                      .key = std::move(key),
                      .message = std::move(message)});
}

void Report::add(std::string message) {
  problems.push_back({.file = file, .message = std::move(message)});
}

Reader::Reader(const Value& table, std::string path, Report& report)
    : table_(table), path_(std::move(path)), report_(report) {}

std::string Reader::key_path(std::string_view key) const {
  return path_.empty() ? std::string(key) : concat({path_, ".", key});
}

bool Reader::has_any(std::string_view key) const {
  const Value* value = table_.find(key);
  if (value == nullptr) return false;
  return (value->kind != Kind::array && value->kind != Kind::table) || !value->elements.empty();
}

Place Reader::place_of(std::string_view key) const {
  const Value* value = table_.find(key);
  return value != nullptr ? value->place : table_.place;
}

const Value* Reader::take(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.push_back(key);
  return table_.find(key);
}

void Reader::not_yet(std::string_view key, const std::function<bool(const Value&)>& asks_for_nothing) {
  not_yet_.push_back(key);
  const Value* given = table_.find(key);
  if (given == nullptr || (asks_for_nothing && asks_for_nothing(*given))) return;
  report_.add(given->key_place, key_path(key), "not available in this version of Sluice");
}

void Reader::problem(std::string_view key, std::string message) {
  report_.add(place_of(key), key_path(key), std::move(message));
}

void Reader::problem(const Text& text, std::string message) {
  report_.add(text.place, text.key, std::move(message));
}

void Reader::expected(std::string_view key, std::string_view what, std::string_view found) {
  problem(key, concat({"expected ", what, ", got ", found}));
}

bool is_array_of_tables(const Value& value) {
  const auto is_table = [](const Value& element) { return element.kind == Kind::table; };
  return value.kind == Kind::array && !value.elements.empty() &&
         std::ranges::all_of(value.elements, is_table);
}

namespace {

/// As a file spells it: "route.redirect" for the redirect of route[0].
std::string written_path(std::string path) {
  for (auto at = path.find('['); at != std::string::npos; at = path.find('[', at)) {
    path.erase(at, path.find(']', at) + 1 - at);
  }
  return path;
}

}  // namespace

void Reader::wrong_kind(std::string_view key, std::string_view what, const Value& value) {
  if (what.ends_with("a table") && is_array_of_tables(value)) {
    const std::string path = written_path(key_path(key));
    report_.add(value.place, key_path(key),
                concat({"expected [", path, "], in single brackets, got [[", path, "]]"}));
    return;
  }
  report_.add(value.place, key_path(key), concat({"expected ", what, ", got ", value.kind_words()}));
}

/// Control characters have no business in any text of the file, and would break the lines that show it.
const std::string* Reader::text_of(std::string_view key, const Value& value, std::string_view what) {
  if (value.kind != Kind::string) {
    wrong_kind(key, what, value);
    return nullptr;
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::none_of(value.text, is_control)) return &value.text;
  report_.add(value.place, key_path(key), concat({"expected ", what, " without control characters"}));
  return nullptr;
}

bool Reader::read(std::string_view key, std::string& value) {
  const Value* given = take(key);
  const std::string* text = given != nullptr ? text_of(key, *given, "a string") : nullptr;
  if (text != nullptr) value = *text;
  return text != nullptr;
}

void Reader::read_text(std::string_view key, std::string& value) {
  const Value* given = take(key);
  if (given == nullptr) return;
  if (given->kind != Kind::string) return wrong_kind(key, "a string", *given);
  value = given->text;
}

std::vector<Reader::Text> Reader::read_texts(std::string_view key, std::string_view what) {
  const Value* given = take(key);
  std::vector<Text> texts;
  if (given == nullptr) return texts;
  if (given->kind != Kind::array) {
    wrong_kind(key, concat({"an array of ", what}), *given);
    return texts;
  }
  size_t index = 0;
  for (const Value& element : given->elements) {
    const std::string name = concat({key, "[", std::to_string(index++), "]"});
    const auto* text = text_of(name, element, "a string");
    if (text != nullptr) texts.push_back({.key = key_path(name), .place = element.place, .text = *text});
  }
  return texts;
}

void Reader::read(std::string_view key, bool& value) {
  const Value* given = take(key);
  if (given == nullptr) return;
  if (given->kind != Kind::boolean) return wrong_kind(key, "true or false", *given);
  value = given->flag;
}

void Reader::read_number(std::string_view key, uint64_t& value, uint64_t least, uint64_t most) {
  const Value* given = take(key);
  if (given == nullptr) return;
  const auto range = concat({"a whole number from ", std::to_string(least), " to ", std::to_string(most)});
  if (given->kind != Kind::integer) return wrong_kind(key, range, *given);
  const auto number = static_cast<uint64_t>(given->integer);
  if (given->integer < 0 || number < least || number > most) {
    return expected(key, range, std::to_string(given->integer));
  }
  value = number;
}

void Reader::read_duration(std::string_view key, Duration& value, Zero zero) {
  const Value* given = take(key);
  if (given == nullptr) return;
  const auto* text = text_of(key, *given, "a duration such as \"500ms\" or \"30s\"");
  if (text == nullptr) return;
  const auto duration = parse_duration(*text);
  if (!duration) return problem(key, duration.error().message);
  if (zero == Zero::forbidden && *duration == Duration::zero()) {
    return expected(key, "a duration above zero", concat({"\"", *text, "\""}));
  }
  value = *duration;
}

void Reader::read_size(std::string_view key, uint64_t& value, uint64_t least, uint64_t most) {
  const Value* given = take(key);
  if (given == nullptr) return;
  const auto* text = text_of(key, *given, "a size such as \"64KiB\"");
  if (text == nullptr) return;
  const auto size = parse_size(*text);
  if (!size) return problem(key, size.error().message);
  if (*size < least || *size > most) {
    const auto range = concat({"a size from \"", size_text(least), "\" to \"", size_text(most), "\""});
    return expected(key, range, concat({"\"", *text, "\""}));
  }
  value = *size;
}

std::optional<size_t> Reader::read_word(std::string_view key, const std::vector<std::string_view>& words) {
  const Value* given = take(key);
  if (given == nullptr) return std::nullopt;
  const std::string what = concat({words.size() > 1 ? "one of " : "", listed(words, "\"")});
  const auto* text = text_of(key, *given, what);
  if (text == nullptr) return std::nullopt;
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  expected(key, what, concat({"\"", *text, "\""}));
  return std::nullopt;
}

std::optional<Address> Reader::address_of(const Value& value, std::string_view key, std::string_view also) {
  const auto* text = text_of(key, value, "an address such as \"127.0.0.1:8080\"");
  if (text == nullptr) return std::nullopt;
  const auto address = Address::parse(*text);
  if (address) return *address;
  report_.add(value.place, key_path(key), concat({address.error().message, also}));
  return std::nullopt;
}

std::optional<Address> Reader::read_address(std::string_view key, std::string_view what,
                                            std::string_view also) {
  const Value* given = take(key);
  if (given != nullptr) return address_of(*given, key, also);
  problem(key, concat({"missing: expected ", what}));
  return std::nullopt;
}

std::optional<Reader> Reader::sub(std::string_view key) {
  const Value* given = take(key);
  if (given == nullptr) return std::nullopt;
  if (given->kind == Kind::table) return Reader(*given, key_path(key), report_);
  wrong_kind(key, "a table", *given);
  return std::nullopt;
}

std::vector<Reader> Reader::tables(std::string_view key) {
  std::vector<Reader> readers;
  const Value* given = take(key);
  if (given == nullptr) return readers;
  if (given->kind == Kind::table) {
    expected(key, concat({"[[", key, "]], in double brackets, for each ", key}), "a single table");
    return readers;
  }
  if (given->kind != Kind::array) {
    wrong_kind(key, concat({"[[", key, "]] tables"}), *given);
    return readers;
  }
  size_t index = 0;
  for (const Value& element : given->elements) {
    const std::string name = concat({key, "[", std::to_string(index++), "]"});
    if (element.kind == Kind::table) {
      readers.emplace_back(element, key_path(name), report_);
    } else {
      wrong_kind(name, concat({"a [[", key, "]] table"}), element);
    }
  }
  return readers;
}

void Reader::finish() {
  for (const Value& given : table_.elements) {
    const std::string& key = given.key;
    if (std::ranges::find(known_, key) != known_.end()) continue;
    if (std::ranges::find(not_yet_, key) != not_yet_.end()) continue;
    std::string advice = hint(key, known_);
    if (advice.empty()) advice = concat({"; known here: ", listed(known_, "")});
    report_.add(given.key_place, key_path(key), concat({"unknown key", advice}));
  }
}

}  // namespace sluice::config
