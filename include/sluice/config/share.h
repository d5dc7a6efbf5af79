// What two configurations agree on is one object.
#pragma once

#include <sluice/config/config.h>

namespace sluice::config {

/// Every pool and error page of `next` that equals its namesake in `current` becomes current's own object, so
/// that equal pointers show what did not change.
void share_unchanged(Config& next, const Config& current);

}  // namespace sluice::config
