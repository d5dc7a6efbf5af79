#include "net/errors.h"

#include <sluice/base/text.h>

#include <array>

#include <uv.h>

namespace sluice::net {

Error reason(int status) {
  std::array<char, 128> text;
  Error error = system_error(-status, {});
  error.message = uv_strerror_r(status, text.data(), text.size());
  return error;
}

Error error_of(std::string_view what, int status) {
  Error error = reason(status);
  error.message = concat({what, ": ", error.message});
  return error;
}

}  // namespace sluice::net
