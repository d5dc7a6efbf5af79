// What two configurations agree on is one object.
#pragma once

#include <sluice/config/config.h>

namespace sluice::config {

/// Every pool and error page of `next` that equals the one of the same name in `current` becomes current's
/// own object, so that what did not change is told by a pointer.
void share_unchanged(Config& next, const Config& current);

}  // namespace sluice::config
