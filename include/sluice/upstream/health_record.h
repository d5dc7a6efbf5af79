// How one backend stands beyond its state: for reports, and for the next process. Pure.
#pragma once

#include <sluice/base/clock.h>

#include <string>

namespace sluice::upstream {

struct HealthRecord {
  std::string cause{};       ///< why it is not healthy; empty when it is
  unsigned ejections = 0;    ///< those that the time of the next one goes by
  Duration ejected{};        ///< how long it is still ejected; zero: it is not
  Duration held_draining{};  ///< how long its word that it drains still holds
  Duration warming{};        ///< how long its slow start still takes
  bool is_flapping = false;
  unsigned passes_needed = 0;  ///< probes in a row that have to pass, while it is flapping; else 0
  bool operator==(const HealthRecord&) const = default;
};

}  // namespace sluice::upstream
