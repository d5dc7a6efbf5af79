// The key that leads a request to a backend, for hash and sticky_cookie: the number that a pool is asked
// with, and the cookie that carries one. Pure.
#pragma once

#include <sluice/base/address.h>
#include <sluice/config/balance.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::upstream {

/// What hash takes for a key's text.
uint64_t key_of(std::string_view text);

/// A backend's number, the same in every worker and process: of hash and of sticky_cookie, whose clients
/// carry it.
uint64_t backend_id(const config::Balance& balance, const Address& address);

/// A sticky cookie's value, and the number that one carries; nothing when it is none of ours.
std::string cookie_value(uint64_t backend_id);
std::optional<uint64_t> cookie_id(std::string_view value);

/// Set-Cookie's value: "sluice=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax".
std::string set_cookie(const config::Balance& balance, uint64_t backend_id);

}  // namespace sluice::upstream
