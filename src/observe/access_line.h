// What the access log says of itself, in between the lines of requests.
#pragma once

#include <sluice/observe/access_log.h>

#include <string>
#include <string_view>

#include "observe/time_text.h"

namespace sluice::observe {

/// Appends `# TIME NOTICE`, or an object with `time` and `notice` in JSON. No request's line looks like it.
void append_access_notice(std::string& out, AccessFormat format, LogTime time, std::string_view notice);

}  // namespace sluice::observe
