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

}  // namespace sluice::http
