// Which cause an error is. Pure.
#pragma once

#include <sluice/base/error.h>
#include <sluice/observe/cause.h>

namespace sluice::proxy {

/// Of a request that was refused.
observe::Cause cause_of_refusal(const Error& error);
/// Of a request that has waited for a backend in vain.
observe::Cause cause_of_queue(const Error& error);
/// Of a backend that took no connection.
observe::Cause cause_of_connect(const Error& error);
/// Of an attempt that failed once there was a connection. `received_status`: of its response's head; 0: none
/// came.
observe::Cause cause_of_attempt(const Error& error, int received_status);

}  // namespace sluice::proxy
