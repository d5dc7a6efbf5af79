// What of a request its pool's balance goes by. Pure.
#pragma once

#include <sluice/config/config.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <optional>

namespace sluice::proxy {

/// For upstream::Ask; nothing when the balance goes by nothing, or the request has no such thing.
/// `is_trusted_client`: what it says of the client behind it is believed.
std::optional<uint64_t> balance_key(const config::Balance& balance, const config::Config& config,
                                    const wire::ServerStream& client, bool is_trusted_client);

}  // namespace sluice::proxy
