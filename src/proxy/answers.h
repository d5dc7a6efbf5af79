// The answers that Sluice gives itself, and the words for why. Pure.
#pragma once

#include <sluice/base/error.h>
#include <sluice/config/config.h>
#include <sluice/http/forwarding.h>

#include <string>
#include <string_view>

namespace sluice::proxy {

/// An error's answer: the file that the configuration has for this status, or the short text. Borrows both.
http::OwnResponse error_answer(const config::Config& config, int status, std::string_view explanation);

/// A redirect's target: {host} is the request's host without its port, {target} what it asked for.
std::string redirect_location(const config::Redirect& redirect, const http::RequestHead& request);

/// A stable word for the access log. Of a request that was refused:
std::string_view reason_for_refusal(const Error& error);
/// Of an attempt that failed:
std::string_view reason_for_backend(const Error& error);

}  // namespace sluice::proxy
