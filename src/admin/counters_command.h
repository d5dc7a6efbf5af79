// Sums of what did not go smoothly, for the reports that show them beside other things. Pure.
#pragma once

#include <sluice/json/value.h>
#include <sluice/observe/tallies.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::admin {

struct EventSums {
  std::array<uint64_t, observe::kEvents> by_event{};
};

/// Of one pool, or of all when `pool` is empty.
EventSums sum_events(const observe::TallySums& tallies, std::string_view pool);
/// ` retried=3 held=12 cut=0`
std::string event_words(const EventSums& sums);
void add_events(const EventSums& sums, json::Value& json);

}  // namespace sluice::admin
