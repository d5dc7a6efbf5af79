// The part of a takeover's conversation that is about a probation: what the new process says to its
// predecessor on standby. Pure.
#pragma once

#include <sluice/json/value.h>
#include <sluice/observe/totals.h>
#include <sluice/takeover/error_rate.h>
#include <sluice/takeover/takeover.h>

#include <cstdint>
#include <string>

namespace sluice::takeover {

using Json = json::Value;
class Members;

/// Sent again and again: control and all workers of the new process have been through their loops.
struct HeartbeatMessage {
  uint64_t generation = 0;   ///< its newest one
  uint64_t event = 0;        ///< the newest one's number
  observe::Totals totals{};  ///< of this process alone
  uint64_t in_flight = 0;    ///< requests that have not ended
  bool operator==(const HeartbeatMessage&) const = default;
};

/// Once.
struct VerdictMessage {
  Verdict verdict = Verdict::passed;
  std::string why{};  ///< for people
  bool operator==(const VerdictMessage&) const = default;
};

Json error_rate_json(const ErrorRate& figures);
/// Spoils `outer` when they are not whole.
void read_error_rate(const Json& json, Members& outer, ErrorRate& figures);
Json heartbeat_json(const HeartbeatMessage& message);
HeartbeatMessage read_heartbeat(Members& members);
Json verdict_json(const VerdictMessage& message);
VerdictMessage read_verdict(Members& members);

}  // namespace sluice::takeover
