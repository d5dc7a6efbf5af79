#include "net/errors.h"

#include <sluice/base/text.h>

#include <array>

#include <uv.h>

namespace sluice::net {

namespace {

Error plain(int status) {
  std::array<char, 128> text;
  Error error = system_error(-status, {});
  error.message = uv_strerror_r(status, text.data(), text.size());
  return error;
}

}  // namespace

Error reason(int status) {
  Error error = plain(status);
  if (status == UV_ENOSPC) {  // No disk is involved here: epoll has no place for a descriptor.
    error.code = ErrorCode::exhausted;
    error.message = "no watches are left (fs.epoll.max_user_watches)";
  }
  return error;
}

Error error_of(std::string_view what, int status) {
  Error error = plain(status);
  error.message = concat({what, ": ", error.message});
  return error;
}

}  // namespace sluice::net
