// What a pool does about attempts that fail.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>
#include <string>

namespace sluice::config {

struct Retry {
  unsigned attempts = 3;                        ///< of one request, in all
  uint64_t buffer_bytes = uint64_t{64} * 1024;  ///< of a body, that can be sent again
  bool non_idempotent = false;                  ///< all methods count as idempotent
  bool idempotency_key = false;                 ///< a request with an Idempotency-Key does
  Duration attempt_timeout{};    ///< for a response to begin while there are attempts left; 0: no bound
  unsigned budget = 20;          ///< retries, in percent of the requests
  unsigned budget_minimum = 10;  ///< retries a second that are allowed however few requests there are
  /// How long a connection may have been idle and carry what cannot be sent again, while nothing better is
  /// known.
  Duration trust_idle{100};
  bool partial_post = false;  ///< a 379 gives the request back, to go on at another backend
  bool hold = false;          ///< a response that fits into the buffer begins once it is whole
  Duration hedge{};  ///< after which an idempotent request is sent to a second backend, too; 0: never
  bool operator==(const Retry&) const = default;
};

/// The whole of it, as TOML.
std::string retry_text(const Retry& retry);

}  // namespace sluice::config
