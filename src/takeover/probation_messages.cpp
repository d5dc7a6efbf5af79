#include "takeover/probation_messages.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "takeover/takeover_json.h"
#include "takeover/totals_json.h"

namespace sluice::takeover {
namespace {

constexpr std::array<std::string_view, 3> kVerdicts = {"passed", "back", "stopping"};

}  // namespace

Json error_rate_json(const ErrorRate& figures) {
  return {{"answers", figures.answers}, {"failures", figures.failures}};
}

void read_error_rate(const Json& json, Members& outer, ErrorRate& figures) {
  Members members(json);
  members.number("answers", figures.answers);
  members.number("failures", figures.failures);
  outer.check(members.is_good());
}

Json heartbeat_json(const HeartbeatMessage& message) {
  return {{"message", "beat"},
          {"generation", message.generation},
          {"event", message.event},
          {"totals", totals_json(message.totals)},
          {"in_flight", message.in_flight}};
}

HeartbeatMessage read_heartbeat(Members& members) {
  HeartbeatMessage message;
  members.number("generation", message.generation);
  members.number("event", message.event);
  read_totals(members.member("totals"), members, message.totals);
  members.number("in_flight", message.in_flight);
  return message;
}

Json verdict_json(const VerdictMessage& message) {
  return {{"message", "verdict"},
          {"verdict", kVerdicts[static_cast<size_t>(message.verdict)]},
          {"why", message.why}};
}

VerdictMessage read_verdict(Members& members) {
  VerdictMessage message;
  std::string verdict;
  members.text("verdict", verdict);
  members.text("why", message.why);
  const auto found = std::ranges::find(kVerdicts, verdict);
  if (members.check(found != kVerdicts.end())) {
    message.verdict = static_cast<Verdict>(found - kVerdicts.begin());
  }
  return message;
}

}  // namespace sluice::takeover
