// Totals as processes tell them to each other.
#pragma once

#include <sluice/lifecycle/totals.h>

#include "lifecycle/takeover_json.h"

namespace sluice::lifecycle {

Json totals_json(const Totals& totals);
/// Spoils `outer` when they are not whole.
void read_totals(const Json& json, Members& outer, Totals& totals);

}  // namespace sluice::lifecycle
