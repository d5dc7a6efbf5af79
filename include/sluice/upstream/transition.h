// A change of a backend's state, with its cause, for the log and for a history. Pure.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/upstream/health.h>

#include <string>

namespace sluice::upstream {

/// Every transition goes through Monitor::tell(), and no other way.
struct Transition {
  enum class Kind : uint8_t {
    state,  ///< it was `from` and is `to`
    flaps,  ///< it falls again and again: more probes have to pass from now on
    flaps_no_more,
    not_ejected,  ///< it fails, and goes on all the same: `cause` says why
  };
  Kind kind = Kind::state;
  std::string pool{};
  Address backend{};
  HealthState from{};
  HealthState to{};
  std::string cause{};     ///< may be empty when it is healthy
  unsigned failures = 0;   ///< probes in a row, of a backend that is down
  unsigned ejections = 0;  ///< of a backend that is ejected, this one included
  Duration bound{};        ///< for how long it is ejected, or draining at most; zero: unknown
};

/// "down", "ejected", "flapping", ...: what it is from now on.
std::string_view name(const Transition& transition);
LogLevel level(const Transition& transition);
/// `backend down pool=shop backend=127.0.0.1:9002 was=healthy cause=refused failures=3`.
std::string log_line(const Transition& transition);

}  // namespace sluice::upstream
