#include <sluice/base/text.h>
#include <sluice/upstream/idle_lifetime.h>

namespace sluice::upstream {
namespace {

constexpr std::string_view kTimeout = "timeout=";
constexpr uint64_t kMostSeconds = 24 * 60 * 60;

/// Nothing when there is none, or none that is a number.
std::optional<Duration> timeout_of(std::string_view value) {
  while (!value.empty()) {
    const size_t end = std::min(value.find(','), value.size());
    const std::string_view parameter = trim(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!equals_ignoring_case(parameter.substr(0, kTimeout.size()), kTimeout)) continue;
    const auto seconds = parse_unsigned(parameter.substr(kTimeout.size()));
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(std::min(*seconds, kMostSeconds));
  }
  return std::nullopt;
}

}  // namespace

void IdleLifetime::advertised(std::string_view value) {
  const auto timeout = timeout_of(value);
  if (!timeout || said_ == timeout) return;
  said_ = timeout;
  proven_ = *timeout;
  closes_at_ = timeout;
}

}  // namespace sluice::upstream
