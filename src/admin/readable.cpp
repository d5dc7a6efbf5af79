#include "admin/readable.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "admin/columns.h"

namespace sluice::admin {
namespace {

struct Unit {
  uint64_t size;
  std::string_view name;
};

/// Two units at most, the smaller one only where it says something: "1d4h", "3m12s", "5m".
std::string time_text(uint64_t milliseconds) {
  constexpr std::array kUnits = {Unit{86'400'000, "d"}, Unit{3'600'000, "h"}, Unit{60'000, "m"},
                                 Unit{1000, "s"}};
  if (milliseconds < 1000) return concat({std::to_string(milliseconds), "ms"});
  if (milliseconds < 10'000 && milliseconds % 1000 >= 100) {
    return concat({std::to_string(milliseconds / 1000), ".", std::to_string(milliseconds % 1000 / 100), "s"});
  }
  const auto* const unit =
      std::ranges::find_if(kUnits, [&](const Unit& each) { return milliseconds >= each.size; });
  std::string text = concat({std::to_string(milliseconds / unit->size), unit->name});
  const auto* const next = unit + 1;
  if (next == kUnits.end()) return text;
  const uint64_t rest = milliseconds % unit->size / next->size;
  return rest == 0 ? text : concat({text, std::to_string(rest), next->name});
}

std::string size_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  uint64_t tenths = 0;
  for (; bytes >= 1000 && unit + 1 < kUnits.size(); ++unit) {
    tenths = bytes % 1000 / 100;
    bytes /= 1000;
  }
  const bool is_precise = unit > 0 && bytes < 10;
  return concat(
      {std::to_string(bytes), is_precise ? concat({".", std::to_string(tenths)}) : "", kUnits[unit]});
}

constexpr std::string_view kMilliseconds = "_ms";

bool is_size(std::string_view key) {
  return key == "sent" || key == "received";
}

/// Keys whose values are times. Others may only look so, as a backend's version may.
bool is_time(std::string_view key) {
  constexpr std::array<std::string_view, 7> kTimes = {"age",  "ago",    "cut_in", "for",
                                                      "left", "oldest", "uptime"};
  return key.ends_with("_for") || std::ranges::find(kTimes, key) != kTimes.end();
}

/// A time in the spelling of the configuration, such as "90500ms" or "2s"; a number alone is none.
std::optional<uint64_t> time_of(std::string_view value) {
  if (value.empty() || parse_unsigned(value)) return std::nullopt;
  const auto time = config::parse_duration(value);
  return time ? std::optional(static_cast<uint64_t>(time->count())) : std::nullopt;
}

std::string readable_token(std::string_view token) {
  const size_t equals = token.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::string(token);
  const auto key = token.substr(0, equals);
  const auto value = token.substr(equals + 1);
  const auto number = parse_unsigned(value);
  if (number && key.ends_with(kMilliseconds)) {
    return concat({key.substr(0, key.size() - kMilliseconds.size()), "=", time_text(*number)});
  }
  if (number && is_size(key)) return concat({key, "=", size_text(*number)});
  if (!is_time(key)) return std::string(token);
  if (const auto time = time_of(value)) return concat({key, "=", time_text(*time)});
  return std::string(token);
}

}  // namespace

std::string readable(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    out += line.substr(0, blanks);
    out += readable_token(take_token(line));
  }
  return out;
}

}  // namespace sluice::admin
