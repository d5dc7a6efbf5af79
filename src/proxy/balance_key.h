// What of a request its pool's balance goes by. Pure.
#pragma once

#include <sluice/config/config.h>
#include <sluice/proxy/split.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <optional>

namespace sluice::proxy {

class LoginConnections;

/// For upstream::PickRequest; nothing when the balance goes by nothing, or the request has no such thing.
/// `is_trusted_client`: what it says of the client behind it is believed.
std::optional<uint64_t> balance_key(const config::Balance& balance, const config::Config& config,
                                    const wire::ServerStream& client, bool is_trusted_client);

/// The target where a client has begun, since it stays in that pool while the pool has a part of the route:
/// where it has logged in on a connection (`logins`, which may be null), or where its cookie names a backend.
/// Null when there is none, and always where nothing is split.
const WeightedTarget* target_of_known(const WeightedTargets& ways, const LoginConnections* logins,
                                      const config::Config& config, const wire::ServerStream& client);

}  // namespace sluice::proxy
