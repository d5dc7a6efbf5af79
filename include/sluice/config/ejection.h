// What a pool does about backends that fail in traffic, and how they say in a response that they drain.
#pragma once

#include <sluice/base/clock.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice::config {

/// Which statuses of whole responses count as failures of the backend.
enum class FailureStatuses : uint8_t {
  none,
  gateway,        ///< 502, 503, 504
  server_errors,  ///< 500 and above, but 501 and 505, which judge the request
};

struct Ejection {
  bool enabled = false;
  unsigned failures = 5;  ///< in a row, of all workers together
  FailureStatuses statuses = FailureStatuses::none;
  Duration time = std::chrono::seconds(10);  ///< of the first ejection; doubled by each further one
  Duration most_time = std::chrono::minutes(5);
  unsigned share = 50;  ///< percent of the pool's backends that may be ejected at a time; one in any case
  bool operator==(const Ejection&) const = default;

  /// Whether a whole response of this status is a failure.
  bool counts(int status) const {
    if (statuses == FailureStatuses::none || status < 500) return false;
    if (statuses == FailureStatuses::gateway) return status >= 502 && status <= 504;
    return status != 501 && status != 505;
  }
};

/// A field of a response by which a backend says that it drains.
struct DrainHeader {
  std::string name{};                        ///< empty: there is none
  Duration hold = std::chrono::seconds(30);  ///< how long that holds when no restart is seen
  bool operator==(const DrainHeader&) const = default;
};

/// The whole of each, as TOML.
std::string ejection_text(const Ejection& ejection);
std::string drain_header_text(const DrainHeader& header);

}  // namespace sluice::config
