// Durations and sizes as text.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <array>
#include <optional>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view word;
  uint64_t factor;
};

constexpr std::array kTimes = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizes = {Unit{"B", 1},
                               Unit{"KiB", uint64_t{1} << 10},
                               Unit{"MiB", uint64_t{1} << 20},
                               Unit{"GiB", uint64_t{1} << 30},
                               Unit{"kB", 1000},
                               Unit{"MB", 1'000'000},
                               Unit{"GB", 1'000'000'000}};
constexpr uint64_t kMost = uint64_t{1} << 53;

/// digits[.digits]unit as a whole number of the smallest unit; nothing when it is none.
template <size_t kCount>
std::optional<uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, kCount>& units) {
  const auto number_end = text.find_first_not_of("0123456789.");
  if (number_end == std::string_view::npos || number_end == 0) return std::nullopt;
  const auto number = text.substr(0, number_end);
  const auto dot = number.find('.');
  const auto whole = parse_unsigned(number.substr(0, dot));
  if (!whole) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(number_end) != unit.word) continue;
    if (*whole > kMost / unit.factor) return std::nullopt;
    uint64_t value = *whole * unit.factor;
    if (dot == std::string_view::npos) return value;
    const auto digits = number.substr(dot + 1);
    const auto fraction = parse_unsigned(digits);
    if (!fraction || digits.size() > 6) return std::nullopt;
    uint64_t scale = 1;
    for (size_t i = 0; i < digits.size(); ++i) scale *= 10;
    if (*fraction * unit.factor % scale != 0) return std::nullopt;
    return value + *fraction * unit.factor / scale;
  }
  return std::nullopt;
}

template <size_t kCount>
std::string text_with_unit(uint64_t value, const std::array<Unit, kCount>& units, size_t used) {
  size_t best = 0;
  for (size_t i = 0; i < used; ++i) {
    if (value % units[i].factor == 0) best = i;
  }
  return concat({std::to_string(value / units[best].factor), units[best].word});
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (const auto value = parse_with_unit(text, kTimes)) return Duration(static_cast<int64_t>(*value));
  return Error{.code = ErrorCode::invalid_config,
               .message = concat(
                   {"expected a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\", got \"", text, "\""})};
}

Result<uint64_t> parse_size(std::string_view text) {
  if (const auto value = parse_with_unit(text, kSizes)) return *value;
  return Error{
      .code = ErrorCode::invalid_config,
      .message = concat({"expected a size such as \"512B\", \"64KiB\" or \"10MiB\", got \"", text, "\""})};
}

std::string duration_text(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  return text_with_unit(static_cast<uint64_t>(duration.count()), kTimes, kTimes.size());
}

std::string size_text(uint64_t bytes) {
  return bytes == 0 ? "0B" : text_with_unit(bytes, kSizes, 4);
}

}  // namespace sluice::config
