// What keeps a generation from ending, or a backend from being empty, for people to read.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// One exchange that is inside. What there is nothing of is empty.
struct InFlightInfo {
  std::string client{};   ///< its IP
  std::string request{};  ///< method and path, cut to a bound
  std::string pool{};
  std::string backend{};             ///< of the attempt that is under way
  std::string_view phase{};          ///< queued, connecting, upload, waiting, response or tunnel
  Duration age{};                    ///< since the request's head was complete
  std::string route{};               ///< its name
  std::optional<Duration> cut_in{};  ///< of a tunnel that is to end: what it has left at the most
};

/// What one worker has inside a generation.
struct GenerationUse {
  uint64_t number = 0;
  size_t tunnels = 0;
  size_t carried_over = 0;  ///< exchanges that began by an earlier generation, whose time is over
  std::vector<InFlightInfo> oldest{};
};

/// What one worker has in flight to any of the backends that were asked for.
struct BackendUse {
  size_t requests = 0;  ///< other than tunnels
  size_t tunnels = 0;
  size_t unbounded = 0;  ///< tunnels that nothing cuts
  Duration cut_in{};     ///< when the last of the other tunnels is cut
  std::vector<InFlightInfo> oldest{};
};

/// Takes `more` in; keeps `most` holders, those that began first.
void add(BackendUse& sum, BackendUse more, size_t most);
void add(GenerationUse& sum, GenerationUse more, size_t most);

}  // namespace sluice::proxy
