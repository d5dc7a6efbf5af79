// The answers that Sluice gives itself, and why. Pure.
#pragma once

#include <sluice/base/error.h>
#include <sluice/config/config.h>
#include <sluice/http/forwarding.h>
#include <sluice/observe/cause.h>

#include <string>
#include <string_view>

#include "proxy/proxy_status.h"

namespace sluice::proxy {

/// The fields of an answer that Sluice gives itself, whole lines: Proxy-Status, the request's id when it has
/// one, and with 503 when to come again.
std::string answer_fields(const config::Config& config, const StatusFacts& facts,
                          std::string_view request_id = {});

/// An error's answer: the file that the configuration has for the cause's status, or the short text with
/// `explanation` (the cause's own when empty). Borrows all of them.
http::OwnResponse error_answer(const config::Config& config, observe::Cause cause,
                               std::string_view explanation, std::string_view fields);

/// A redirect's target: {host} is the request's host without its port, {target} what it asked for.
std::string redirect_location(const config::Redirect& redirect, const http::RequestHead& request);

/// Of a request that was refused.
observe::Cause cause_of_refusal(const Error& error);
/// Of one that has waited for a backend in vain.
observe::Cause cause_of_queue(const Error& error);
/// Of a backend that took no connection.
observe::Cause cause_of_connect(const Error& error);
/// Of an attempt that failed once there was a connection. `received_status`: of its response's head; 0: none
/// came.
observe::Cause cause_of_attempt(const Error& error, int received_status);

}  // namespace sluice::proxy
