// Whether a failed attempt may be made again elsewhere (promise 6). Pure.
#pragma once

#include <sluice/base/error.h>
#include <sluice/config/retry.h>
#include <sluice/http/head.h>

namespace sluice::proxy {

/// What is known when an attempt has failed before a byte of its response was committed to the client.
struct RetryFacts {
  bool nothing_sent = false;            ///< the backend has read no byte of the request
  bool idempotent = false;              ///< RFC 9110 9.2.2
  bool non_idempotent_allowed = false;  ///< the pool says so
  bool body_replayable = true;          ///< all of the body sent so far can be sent again
  bool timed_out = false;               ///< the client has waited the whole response timeout already
  unsigned attempts = 1;                ///< made so far, this one included
  unsigned attempts_allowed = 3;
};

/// A second backend may do this request, too: its method is idempotent, or the pool says that this does not
/// matter.
bool may_replay(const http::RequestHead& request, const config::Retry& settings);
/// Its body surely fits into what is remembered for a next attempt.
bool surely_fits(const http::Framing& body, const config::Retry& settings);

bool may_retry(const RetryFacts& failed);

/// The head says that the backend has done nothing, and gives the request's body back. After "Zero Downtime
/// Release" (SIGCOMM 2020, 4.3).
bool is_given_back(const http::ResponseHead& head);

}  // namespace sluice::proxy
