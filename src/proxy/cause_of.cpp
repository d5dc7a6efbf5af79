#include "proxy/cause_of.h"

namespace sluice::proxy {

using observe::Cause;

Cause cause_of_refusal(const Error& error) {
  switch (error.status) {
    case 408:
      return Cause::client_timeout;
    case 413:
      return Cause::body_too_large;
    case 414:
      return Cause::target_too_long;
    case 417:
      return Cause::bad_expectation;
    case 429:
      return Cause::too_many_connections;
    case 431:
      return Cause::head_too_large;
    case 501:
      return Cause::not_implemented;
    case 505:
      return Cause::bad_version;
    default:
      return error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::bad_request;
  }
}

Cause cause_of_queue(const Error& error) {
  return error.code == ErrorCode::not_found ? Cause::pool_gone : Cause::queue_timeout;
}

Cause cause_of_connect(const Error& error) {
  if (error.code == ErrorCode::exhausted) return Cause::no_descriptors;
  return error.code == ErrorCode::timed_out ? Cause::connect_timeout : Cause::connect_refused;
}

Cause cause_of_attempt(const Error& error, int received_status) {
  switch (error.code) {
    case ErrorCode::timed_out:
      return Cause::backend_timeout;
    case ErrorCode::malformed:
      return Cause::backend_malformed;
    case ErrorCode::too_large:
      return Cause::backend_head_too_large;
    case ErrorCode::unsupported:
      return Cause::backend_upgrade;
    default:
      return received_status == 0 ? Cause::backend_closed : Cause::backend_incomplete;
  }
}

}  // namespace sluice::proxy
