// The path of a URI, as it is compared with others (RFC 3986 6.2.2). Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// A path with its equivalent spellings made one: runs of '/' are one, "." and ".." segments are resolved (at
/// the root ".." stays there), and what is percent-encoded is decoded, once. "%2F" is no separator and stays
/// as it is, and so do "%25" and "%00", in upper case: no '%' begins anything else. One that encodes nothing
/// ("%zz") stands for itself, which is "%25". `path` itself when there is nothing to do or it begins with no
/// '/', else made in `scratch`.
std::string_view normal_path(std::string_view path, std::string& scratch);

/// How much of `path` spells the first `segments` segments of its normal form, which has at least as many.
/// What is left means the same behind any other path, since it never climbs above its own beginning.
size_t spelled_size(std::string_view path, size_t segments);

}  // namespace sluice
