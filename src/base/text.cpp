#include <sluice/base/text.h>

#include <algorithm>
#include <limits>

#include "base/word.h"

namespace sluice {

namespace {

/// All letters of a word at once: `ascii_lower` of each byte.
uint64_t lower_word(uint64_t word) {
  // Sums of seven bits do not reach the next byte; the top bit says that the sum passed 'A' - 1, or 'Z'.
  const uint64_t low = word & (0x7f * kEachByte);
  const uint64_t from_a = low + (0x80 - 'A') * kEachByte;
  const uint64_t behind_z = low + (0x7f - 'Z') * kEachByte;
  const uint64_t is_upper = (from_a & ~behind_z & ~word) & (0x80 * kEachByte);
  return word | (is_upper >> 2);
}

/// Whether `equal` holds for each word of two texts of one length, a word or longer. The last two words
/// may overlap.
template <class Word, class Equal>
bool all_words(std::string_view a, std::string_view b, Equal equal) {
  const size_t last = a.size() - sizeof(Word);
  for (size_t i = 0; i < last; i += sizeof(Word)) {
    if (!equal(word_at<Word>(a.data() + i), word_at<Word>(b.data() + i))) return false;
  }
  return equal(word_at<Word>(a.data() + last), word_at<Word>(b.data() + last));
}

/// `equal` compares a word's bytes.
template <class Equal>
bool all_bytes(std::string_view a, std::string_view b, Equal equal) {
  if (a.size() != b.size()) return false;
  if (a.size() >= sizeof(uint64_t)) return all_words<uint64_t>(a, b, equal);
  if (a.size() >= sizeof(uint32_t)) return all_words<uint32_t>(a, b, equal);
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal(word_at<unsigned char>(a.data() + i), word_at<unsigned char>(b.data() + i))) return false;
  }
  return true;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return all_bytes(a, b, [](uint64_t x, uint64_t y) { return lower_word(x) == lower_word(y); });
}

bool equals_lower(std::string_view lower, std::string_view text) {
  return all_bytes(lower, text, [](uint64_t x, uint64_t y) { return x == lower_word(y); });
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), ascii_lower);
  return lower;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    text = trim(text);
    if (text.empty()) return words;
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<uint64_t> parse_unsigned(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr auto kMost = std::numeric_limits<uint64_t>::max();
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value >= kMost / 10 && (value > kMost / 10 || digit > kMost % 10)) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::string counted(uint64_t count, std::string_view noun) {
  return concat({std::to_string(count), " ", noun, count == 1 ? "" : "s"});
}

std::string concat(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (const auto part : parts) size += part.size();
  std::string whole;
  whole.reserve(size);
  for (const auto part : parts) whole += part;
  return whole;
}

namespace {

/// Insertions, deletions, replacements and swaps of neighbours that make one of the other (optimal string
/// alignment), three rows at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> closest_match(std::string_view word,
                                              std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    // With nothing in common it is another word: of a letter or none at all everything would be near.
    if (distance >= best_distance || distance >= std::min(word.size(), candidate.size())) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace sluice
