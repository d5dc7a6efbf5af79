#include <sluice/upstream/health.h>

#include <utility>

namespace sluice::upstream {

std::string_view name(HealthState state) {
  switch (state) {
    case HealthState::starting:
      return "starting";
    case HealthState::healthy:
      return "healthy";
    case HealthState::draining:
      return "draining";
    case HealthState::down:
      return "down";
    case HealthState::ejected:
      return "ejected";
  }
  return "unknown";
}

bool Health::record(const ProbeResult& result) {
  if (result.kind == ProbeResult::Kind::not_asked) return false;
  const HealthState before = state_;
  if (result.kind != ProbeResult::Kind::passed) cause_ = result.cause;
  switch (result.kind) {
    case ProbeResult::Kind::draining:
      passes_ = failures_ = 0;
      state_ = HealthState::draining;
      break;
    case ProbeResult::Kind::passed:
      failures_ = 0;
      ++passes_;
      if (passes_ >= rise_) state_ = HealthState::healthy;
      if (state_ == HealthState::healthy) cause_.clear();
      break;
    case ProbeResult::Kind::failed:
      passes_ = 0;
      ++failures_;
      if (failures_ >= fall_) state_ = HealthState::down;
      break;
    case ProbeResult::Kind::not_asked:
      break;
  }
  return state_ != before;
}

}  // namespace sluice::upstream
