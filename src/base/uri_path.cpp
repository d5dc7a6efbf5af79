#include <sluice/base/uri_path.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/word.h"

namespace sluice {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// The byte that is encoded where `text` begins ("%41").
std::optional<char> encoded_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const auto high = hex_digit(text[1]);
  const auto low = hex_digit(text[2]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4 | *low);
}

/// 1 for ".", 2 for "..", in any spelling; else 0.
int dots(std::string_view segment) {
  int count = 0;
  while (!segment.empty() && count < 3) {
    const bool is_encoded = encoded_byte(segment) == '.';
    if (!is_encoded && segment.front() != '.') return 0;
    segment.remove_prefix(is_encoded ? 3 : 1);
    ++count;
  }
  return count < 3 ? count : 0;
}

/// 0x80 for each byte that is `c`, 0 for the others.
uint64_t where(uint64_t word, char c) {
  const uint64_t other = word ^ (kEachByte * static_cast<unsigned char>(c));
  return ~(((other & (0x7f * kEachByte)) + 0x7f * kEachByte) | other) & (0x80 * kEachByte);
}

/// Nearly every path has nothing encoded, no empty segment, and none that begins with a dot: eight bytes at a
/// time, since each request is looked at. False for a short path, and for one that has to be looked at
/// closely. `path` begins with '/'.
bool is_surely_normal(std::string_view path) {
  constexpr size_t kWord = sizeof(uint64_t);
  if (path.size() <= kWord) return false;
  uint64_t suspect = 0;
  const size_t last = path.size() - kWord;
  for (size_t i = 1;; i = std::min(i + kWord, last)) {
    const uint64_t now = word_at<uint64_t>(path.data() + i);
    const uint64_t before = word_at<uint64_t>(path.data() + i - 1);
    suspect |= where(now, '%') | (where(before, '/') & (where(now, '/') | where(now, '.')));
    if (i == last) return suspect == 0;
  }
}

bool is_normal(std::string_view path) {
  if (is_surely_normal(path)) return true;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') return false;
    if (path[i] != '/' || i + 1 == path.size()) continue;
    if (path[i + 1] == '/') return false;
    if (path[i + 1] == '.' && dots(path.substr(i + 1, path.find('/', i + 1) - i - 1)) != 0) return false;
  }
  return true;
}

void append_decoded(std::string& out, std::string_view segment) {
  while (!segment.empty()) {
    const auto byte = encoded_byte(segment);
    const char c = byte.value_or(segment.front());
    if (c == '/') {
      out += "%2F";
    } else if (c == '%') {
      out += "%25";
    } else if (c == '\0') {
      out += "%00";
    } else {
      out += c;
    }
    segment.remove_prefix(byte ? 3 : 1);
  }
}

/// Calls `visit(segment, end)` for each segment that is not empty; `end` is where it ends in `path`.
template <class Visit>
void for_each_segment(std::string_view path, Visit visit) {
  size_t end = 0;
  while (true) {
    const size_t begin = path.find_first_not_of('/', end);
    if (begin == std::string_view::npos) return;
    end = std::min(path.find('/', begin), path.size());
    visit(path.substr(begin, end - begin), end);
  }
}

}  // namespace

std::string_view normal_path(std::string_view path, std::string& scratch) {
  if (!path.starts_with('/') || is_normal(path)) return path;
  scratch.clear();
  bool ends_in_directory = path.ends_with('/');
  for_each_segment(path, [&](std::string_view segment, size_t end) {
    const int count = dots(segment);
    if (count == 0) {
      scratch += '/';
      append_decoded(scratch, segment);
    } else if (count == 2 && !scratch.empty()) {
      scratch.resize(scratch.rfind('/'));
    }
    if (count != 0 && end == path.size()) ends_in_directory = true;
  });
  if (ends_in_directory || scratch.empty()) scratch += '/';
  return scratch;
}

size_t spelled_size(std::string_view path, size_t segments) {
  size_t depth = 0;
  size_t size = 0;
  for_each_segment(path, [&](std::string_view segment, size_t end) {
    const int count = dots(segment);
    if (count == 0) {
      if (++depth == segments) size = end;
    } else if (count == 2 && depth > 0) {
      --depth;
    } else if (count == 2 && segments == 0) {
      size = end;  // It climbs no higher here, but might behind another path.
    }
  });
  return size;
}

}  // namespace sluice
