#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/upstream/transition.h>

namespace sluice::upstream {

using Kind = Transition::Kind;

std::string_view name(const Transition& transition) {
  switch (transition.kind) {
    case Kind::state:
      return name(transition.to);
    case Kind::flaps:
      return "flapping";
    case Kind::flaps_no_more:
      return "flapping no more";
    case Kind::not_ejected:
      return "not ejected";
  }
  return "unknown";
}

LogLevel level(const Transition& transition) {
  const bool is_alarm = transition.kind == Kind::flaps || transition.kind == Kind::not_ejected ||
                        (transition.kind == Kind::state &&
                         (transition.to == HealthState::down || transition.to == HealthState::ejected));
  return is_alarm ? LogLevel::warning : LogLevel::info;
}

std::string log_line(const Transition& transition) {
  std::string line = concat({"backend ", name(transition)});
  line += field("pool", transition.pool) + field("backend", transition.backend.text());
  if (transition.kind == Kind::state) line += field("was", name(transition.from));
  if (!transition.cause.empty()) line += field("cause", transition.cause);
  if (transition.kind != Kind::state) return line;
  if (transition.to == HealthState::down) line += field("failures", transition.failures);
  if (transition.bound > Duration::zero()) line += field("for", config::duration_text(transition.bound));
  if (transition.to == HealthState::ejected) line += field("ejections", transition.ejections);
  return line;
}

}  // namespace sluice::upstream
