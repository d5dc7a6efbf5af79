#include "config/reader.h"

#include <algorithm>
#include <utility>

#include <sluice/base/text.h>

namespace sluice::config {

void Report::add(const toml::source_region& where, std::string key, std::string message) {
  problems.push_back({.file = file,
                      .line = static_cast<unsigned>(where.begin.line),
                      .column = static_cast<unsigned>(where.begin.column),
                      .key = std::move(key),
                      .message = std::move(message)});
}

std::string_view type_word(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a float";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

Reader::Reader(const toml::table& table, std::string path, Report& report)
    : table_(table), path_(std::move(path)), report_(report) {}

std::string Reader::key_path(std::string_view key) const {
  return path_.empty() ? std::string(key) : concat({path_, ".", key});
}

const toml::node* Reader::take(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

std::string Reader::place_of(std::string_view key) const {
  const auto& where = table_.get(key)->source().begin;
  return concat({report_.file, ":", std::to_string(where.line), ":", std::to_string(where.column)});
}

void Reader::problem(std::string_view key, std::string message) {
  const toml::node* node = table_.get(key);
  report_.add(node != nullptr ? node->source() : table_.source(), key_path(key), std::move(message));
}

void Reader::expected(std::string_view key, const toml::node& node, std::string_view what) {
  problem(key, concat({"expected ", what, ", got ", type_word(node)}));
}

void Reader::not_yet(std::string_view key, const std::function<bool(const toml::node&)>& harmless) {
  const toml::node* node = take(key);
  if (node == nullptr || (harmless && harmless(*node))) return;
  problem(key, "not available in this version of Sluice");
}

void Reader::read(std::string_view key, std::string& value) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  if (const auto* text = node->as_string()) {
    value = text->get();
  } else {
    expected(key, *node, "a string");
  }
}

void Reader::read(std::string_view key, bool& value) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  if (const auto* flag = node->as_boolean()) {
    value = flag->get();
  } else {
    expected(key, *node, "true or false");
  }
}

void Reader::read_number(std::string_view key, uint64_t& value, uint64_t least, uint64_t most) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const std::string range =
      concat({"a whole number from ", std::to_string(least), " to ", std::to_string(most)});
  const auto* number = node->as_integer();
  if (number == nullptr) return expected(key, *node, range);
  const int64_t given = number->get();
  if (given < 0 || static_cast<uint64_t>(given) < least || static_cast<uint64_t>(given) > most) {
    return problem(key, concat({"expected ", range, ", got ", std::to_string(given)}));
  }
  value = static_cast<uint64_t>(given);
}

void Reader::read_duration(std::string_view key, Duration& value, Zero zero) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto* text = node->as_string();
  if (text == nullptr) return expected(key, *node, "a duration such as \"500ms\" or \"30s\"");
  auto duration = parse_duration(text->get());
  if (!duration) return problem(key, duration.error().message);
  if (zero == Zero::forbidden && *duration == Duration::zero())
    return problem(key, "expected more than zero");
  value = *duration;
}

void Reader::read_size(std::string_view key, uint64_t& value) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto* text = node->as_string();
  if (text == nullptr) return expected(key, *node, "a size such as \"64KiB\"");
  auto size = parse_size(text->get());
  if (!size) return problem(key, size.error().message);
  value = *size;
}

std::optional<size_t> Reader::read_word(std::string_view key, const std::vector<std::string_view>& words) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  std::string list;
  for (const auto word : words) list += concat({list.empty() ? "" : ", ", "\"", word, "\""});
  const std::string what = words.size() == 1 ? list : concat({"one of ", list});
  const auto* text = node->as_string();
  if (text == nullptr) {
    expected(key, *node, what);
    return std::nullopt;
  }
  const auto found = std::ranges::find(words, text->get());
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  problem(key, concat({"expected ", what, ", got \"", text->get(), "\""}));
  return std::nullopt;
}

std::optional<Address> Reader::read_address(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* text = node->as_string();
  if (text == nullptr) {
    expected(key, *node, "an address such as \"127.0.0.1:8080\"");
    return std::nullopt;
  }
  auto address = Address::parse(text->get());
  if (address) return *address;
  problem(key, address.error().message);
  return std::nullopt;
}

std::optional<Reader> Reader::sub(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* table = node->as_table()) return Reader(*table, key_path(key), report_);
  expected(key, *node, "a table");
  return std::nullopt;
}

void Reader::finish() {
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    std::string message = "unknown key";
    if (const auto near = closest_match(key.str(), known_)) {
      message += concat({", did you mean \"", *near, "\"?"});
    } else {
      std::string list;
      for (const auto known : known_) list += concat({list.empty() ? "" : ", ", known});
      message += concat({"; known here: ", list});
    }
    report_.add(key.source(), key_path(key.str()), std::move(message));
  }
}

}  // namespace sluice::config
