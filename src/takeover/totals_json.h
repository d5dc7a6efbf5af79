// Totals as processes send them to each other.
#pragma once

#include <sluice/json/value.h>
#include <sluice/observe/totals.h>

namespace sluice::takeover {

using Json = json::Value;
class Members;

Json totals_json(const observe::Totals& totals);
/// Spoils `outer` when they are not whole.
void read_totals(const Json& json, Members& outer, observe::Totals& totals);

}  // namespace sluice::takeover
