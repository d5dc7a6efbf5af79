// What keeps a generation from ending, told for people.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// One exchange that is inside. What there is nothing of is empty.
struct Holder {
  std::string client{};   ///< its IP
  std::string request{};  ///< method and path, cut to a bound
  std::string pool{};
  std::string backend{};     ///< of the attempt that is under way
  std::string_view doing{};  ///< queued, connecting, upload, waiting, response or tunnel
  Duration age{};            ///< since the request's head was complete
};

/// What one worker has inside a generation.
struct GenerationUse {
  uint64_t number = 0;
  size_t tunnels = 0;
  size_t earlier = 0;  ///< exchanges that began by an earlier generation, whose time is over
  std::vector<Holder> oldest{};
};

/// Takes `more` in; keeps `most` holders.
void add(GenerationUse& sum, GenerationUse more, size_t most);

}  // namespace sluice::proxy
