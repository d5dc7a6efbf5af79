// Switching protocols (RFC 9110 7.8): what a client may ask for, and whether a 101 answers just that. Pure.
#pragma once

#include <sluice/http/head.h>

#include <span>
#include <string>
#include <string_view>

namespace sluice::http {

/// The first protocol of the request's Upgrade that `allowed` (lower case) has, as the client spelled it;
/// empty when the request asks for none of them: one of HTTP/1.1, with Upgrade named in Connection, of any
/// method but HEAD and TRACE, with or without a body. A request that asks for others is an ordinary one (the
/// field is not passed on).
std::string_view wanted_upgrade(const RequestHead& head, std::span<const std::string> allowed);

/// The head is a 101 that switches to `protocol`, and to nothing else.
bool accepts_upgrade(const ResponseHead& head, std::string_view protocol);

}  // namespace sluice::http
