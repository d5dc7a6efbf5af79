// Whether a response says that its backend drains. Pure.
#pragma once

#include <sluice/http/head.h>

#include <string_view>

namespace sluice::proxy {

enum class DrainSignal {
  none,     ///< the field is not there
  goes_on,  ///< it is there, and says no: empty, "0", "false" or "no"
  drains,   ///< it says anything else
};

/// `name` as in the configuration, in any case.
DrainSignal drain_signal(const http::ResponseHead& head, std::string_view name);

}  // namespace sluice::proxy
