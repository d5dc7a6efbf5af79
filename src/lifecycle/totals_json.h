// Totals as processes tell them to each other.
#pragma once

#include <sluice/lifecycle/totals.h>

#include <nlohmann/json_fwd.hpp>

namespace sluice::lifecycle {

using Json = nlohmann::ordered_json;
class Members;

Json totals_json(const Totals& totals);
/// Spoils `outer` when they are not whole.
void read_totals(const Json& json, Members& outer, Totals& totals);

}  // namespace sluice::lifecycle
