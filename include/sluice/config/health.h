// How a pool's backends are asked for their health.
#pragma once

#include <sluice/base/clock.h>

#include <string>

namespace sluice::config {

struct Health {
  bool enabled = true;
  std::string path = "/ping";
  Duration interval{1000};
  Duration timeout{500};
  unsigned rise = 1;
  unsigned fall = 3;
  int expect = 200;
  bool operator==(const Health&) const = default;
};

/// The whole of it, as TOML.
std::string health_text(const Health& health);

}  // namespace sluice::config
