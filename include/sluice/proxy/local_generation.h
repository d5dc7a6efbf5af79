// What one worker makes of a generation: routes that lead to its own pools, the requests inside, and how
// they leave when its time is over.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>
#include <sluice/proxy/active_stream.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/in_flight_info.h>
#include <sluice/proxy/split.h>
#include <sluice/upstream/pool.h>

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::proxy {

struct LocalGeneration {
  std::shared_ptr<Generation> shared{};
  std::vector<WeightedTargets> targets_of_route{};  ///< by the route's index; none for one without a pool
  List<ActiveStream, &ActiveStream::hook> inside{};
  Deadline drain_bound{};  ///< for what is inside, once a newer generation is there
};

/// Its time is over. Everything inside goes on in `newest`, by the route that it began with and within bounds
/// of its own. No request is inside after this, so that `old` may be gone.
void end_drain(LocalGeneration& old, LocalGeneration& newest, unsigned worker);

std::optional<InFlightInfo> running_in(const LocalGeneration& generation, std::string_view request_id);

/// With at most `most` holders, those that began first.
GenerationUse use_of(const LocalGeneration& generation, size_t most);
BackendUse use_of(const LocalGeneration& generation,
                  std::span<const std::shared_ptr<upstream::BackendState>> backends, size_t most);

}  // namespace sluice::proxy
