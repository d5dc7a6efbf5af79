// The error of a name that nothing has.
#pragma once

#include <sluice/base/error.h>
#include <sluice/base/text.h>

#include <span>
#include <string>
#include <string_view>

namespace sluice::desired {

/// `no pool "shpo", did you mean "shop"?`
inline Error not_found(std::string_view what, std::string_view name,
                       std::span<const std::string_view> known) {
  std::string message = concat({"no ", what, " \"", name, "\""});
  if (const auto near = closest_match(name, known)) message += concat({", did you mean \"", *near, "\"?"});
  return {.code = ErrorCode::not_found, .message = std::move(message)};
}

}  // namespace sluice::desired
