// What probes say about one backend, as a pure state machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::upstream {

enum class HealthState : uint8_t {
  starting,  ///< added, not proven yet: gets nothing
  healthy,   ///< gets requests
  draining,  ///< its /ping answers 503: finishes what it has, gets nothing new; no alarm
  down,      ///< failed `fall` times in a row
  ejected,   ///< its probes pass, but what it got failed: gets nothing for a time. Never a Health's own
};

std::string_view name(HealthState state);

/// What one probe found.
struct ProbeResult {
  enum class Kind {
    passed,
    draining,
    failed,
    not_asked,  ///< this process had no descriptor or memory for it: says nothing of the backend
  };
  Kind kind = Kind::failed;
  std::string cause;  ///< "refused", "GET /ping: 500, expected 200", ...: why it is not `passed`
};

/// One backend's. `rise` passes in a row make it healthy, `fall` failures in a row make it down, one 503
/// makes it draining whatever the thresholds say.
class Health {
 public:
  Health(unsigned rise, unsigned fall) : rise_(rise), fall_(fall) {}

  HealthState state() const { return state_; }
  unsigned failures() const { return failures_; }
  /// Why it is not healthy, or why the last probe failed.
  const std::string& cause() const { return cause_; }

  void set_thresholds(unsigned rise, unsigned fall) {
    rise_ = rise;
    fall_ = fall;
  }
  /// Not proven yet, or on the way to another state: more probes will decide soon.
  bool is_changing() const {
    if (state_ == HealthState::starting) return true;
    const bool is_failing = state_ != HealthState::down && failures_ > 0;
    const bool is_passing = state_ != HealthState::healthy && passes_ > 0;
    return is_failing || is_passing;
  }
  /// Takes a probe's result; true when the state has changed.
  bool record(const ProbeResult& result);
  /// Takes over what is known of it already.
  void assume(HealthState state) { state_ = state; }

 private:
  HealthState state_ = HealthState::starting;
  unsigned rise_;
  unsigned fall_;
  unsigned passes_ = 0;    // in a row
  unsigned failures_ = 0;  // in a row
  std::string cause_;
};

}  // namespace sluice::upstream
