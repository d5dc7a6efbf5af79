// What of a request its pool's balance goes by. Pure.
#pragma once

#include <sluice/config/config.h>
#include <sluice/proxy/split.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <optional>

namespace sluice::proxy {

/// For upstream::PickRequest; nothing when the balance goes by nothing, or the request has no such thing.
/// `is_trusted_client`: what it says of the client behind it is believed.
std::optional<uint64_t> balance_key(const config::Balance& balance, const config::Config& config,
                                    const wire::ServerStream& client, bool is_trusted_client);

/// The target of a client whose cookie names a backend there: a client that has begun in a pool stays there
/// while the pool has a part of the route. Null when there is none, and always where nothing is split.
const WeightedTarget* sticky_target(const WeightedTargets& ways, const config::Config& config,
                                    const wire::ServerStream& client);

}  // namespace sluice::proxy
