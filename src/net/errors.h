// libuv's negated errno as an Error.
#pragma once

#include <sluice/base/error.h>

#include <string_view>

namespace sluice::net {

/// The bare reason in libuv's lower-case words ("connection refused"), with the code that fits.
Error reason(int status);
/// `what: reason`.
Error error_of(std::string_view what, int status);

}  // namespace sluice::net
