// Small pure functions over text. ASCII only, never the locale's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

inline char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Equal but for the case of ASCII letters.
bool equals_ignoring_case(std::string_view a, std::string_view b);
/// The same, where `lower` has no upper case letters.
bool equals_lower(std::string_view lower, std::string_view text);

std::string to_lower(std::string_view text);

/// Without leading and trailing spaces and tabs (RFC 9110 5.6.3: OWS).
inline std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The words between runs of spaces and tabs.
std::vector<std::string_view> split_words(std::string_view text);

/// Decimal digits only, all of `text`, no sign; nothing on overflow.
std::optional<uint64_t> parse_unsigned(std::string_view text);

/// All parts as one string, with one allocation.
/// `1 request`, `2 requests`: `noun` takes an s.
std::string counted(uint64_t count, std::string_view noun);
std::string concat(std::initializer_list<std::string_view> parts);

/// The candidate nearest to `word` by edits, when it is near enough to be what was meant.
std::optional<std::string_view> closest_match(std::string_view word,
                                              std::span<const std::string_view> candidates);

}  // namespace sluice
