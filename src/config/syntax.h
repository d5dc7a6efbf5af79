// What words of HTTP may look like, as far as the file names them. Pure.
#pragma once

#include <string_view>

namespace sluice::config {

/// Of a pool or a route: at most 100 letters, digits, '.', '_' and '-'.
bool is_name(std::string_view text);
/// A field's or a protocol's name (RFC 9110 5.6.2).
bool is_token(std::string_view text);
/// Visible ASCII alone: what may stand in a request line.
bool is_visible(std::string_view text);
/// Lower case; also the spelling of an IPv4 address.
bool is_host_name(std::string_view name);
/// host [ ":" port ], as a Host field has it (RFC 9110 7.2).
bool is_authority(std::string_view text);
/// type "/" subtype and what may follow (RFC 9110 8.3.1), as far as one can tell it from a mistake.
bool is_content_type(std::string_view text);

}  // namespace sluice::config
