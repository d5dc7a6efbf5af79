// Finding by name what Sluice itself has no use for: any field, and cookies.
#pragma once

#include <sluice/http/head.h>

#include <optional>
#include <string_view>

namespace sluice::http {

/// The value of the first field of this name, whatever its case; nothing when there is none.
std::optional<std::string_view> find_field(const Head& head, std::string_view name);

/// The value of the first cookie of this name (RFC 6265 5.4; names have a case), without the quotes that may
/// stand around it; nothing when there is none.
std::optional<std::string_view> find_cookie(const Head& head, std::string_view name);

/// What a Host field names, without its port; an IPv6 address keeps its brackets (RFC 3986 3.2.2). One
/// without brackets has no port.
std::string_view without_port(std::string_view authority);
/// The same, but an IPv6 address has no brackets, as certificates name it.
std::string_view bare_host(std::string_view authority);

}  // namespace sluice::http
