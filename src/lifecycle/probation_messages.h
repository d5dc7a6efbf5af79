// The part of a takeover's conversation that is about a probation: what the new process says to the one that
// stands by. Pure.
#pragma once

#include <sluice/lifecycle/judgement.h>
#include <sluice/lifecycle/takeover.h>
#include <sluice/lifecycle/totals.h>

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace sluice::lifecycle {

using Json = nlohmann::ordered_json;
class Members;

/// Again and again: control and all workers of the new process have come round.
struct BeatMessage {
  uint64_t generation = 0;  ///< its newest one
  uint64_t event = 0;       ///< the newest one's number
  Totals totals{};          ///< of this process alone
  uint64_t in_flight = 0;   ///< requests that have not ended
  bool operator==(const BeatMessage&) const = default;
};

/// Once.
struct VerdictMessage {
  Verdict verdict = Verdict::passed;
  std::string why{};  ///< for people
  bool operator==(const VerdictMessage&) const = default;
};

Json figures_json(const Figures& figures);
/// Spoils `outer` when they are not whole.
void read_figures(const Json& json, Members& outer, Figures& figures);
Json beat_json(const BeatMessage& message);
BeatMessage read_beat(Members& members);
Json verdict_json(const VerdictMessage& message);
VerdictMessage read_verdict(Members& members);

}  // namespace sluice::lifecycle
