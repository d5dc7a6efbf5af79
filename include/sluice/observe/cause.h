// Why an exchange, or one attempt of it, ended as it did: one enum, one table. Access log, Proxy-Status,
// counters and `why` all take their words from here. Pure.
#pragma once

#include <sluice/observe/counters.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::observe {

enum class Cause : uint8_t {
  // It went well.
  ok,
  tunnel,
  tunnel_idle,
  tunnel_drained,
  redirect,
  fixed_response,
  max_forwards,
  // The request breaks a rule or a bound.
  bad_request,
  body_too_large,
  target_too_long,
  bad_expectation,
  too_many_connections,
  head_too_large,
  not_implemented,
  bad_version,
  client_timeout,
  no_route,
  // No backend took it.
  queue_full,
  queue_timeout,
  pool_gone,
  connect_refused,
  connect_timeout,
  no_descriptors,
  // A backend had it.
  backend_closed,
  backend_incomplete,
  backend_malformed,
  backend_head_too_large,
  backend_upgrade,
  backend_timeout,
  retry_budget,
  hedged,
  partial_post,
  // No client waits for an answer any more.
  client_gone,
  stopped,
};
inline constexpr size_t kCauses = static_cast<size_t>(Cause::stopped) + 1;

/// What the table has of one.
struct CauseEntry {
  Cause cause;
  std::string_view name;     ///< a stable word: in the access log, in counters
  Disposition disposition;   ///< of an exchange that ends by it
  int status;                ///< of the answer that reports it; 0: there is none, or it has one of its own
  std::string_view error;    ///< of RFC 9209 2.3; empty: no answer of Sluice's own reports it
  std::string_view details;  ///< for people, in a few words; names no address
};

const CauseEntry& entry(Cause cause);
inline std::string_view name(Cause cause) {
  return entry(cause).name;
}

}  // namespace sluice::observe
