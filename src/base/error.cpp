#include <sluice/base/error.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

struct Entry {
  ErrorCode code;
  std::string_view word;
  int exit_code;
};

constexpr std::array kEntries = {
    Entry{ErrorCode::failed, "failed", 1},
    Entry{ErrorCode::usage, "usage", 2},
    Entry{ErrorCode::invalid_config, "invalid_config", 3},
    Entry{ErrorCode::timed_out, "timed_out", 4},
    Entry{ErrorCode::conflict, "conflict", 5},
    Entry{ErrorCode::never_healthy, "never_healthy", 6},
    Entry{ErrorCode::rolled_back, "rolled_back", 7},
    Entry{ErrorCode::not_found, "not_found", 8},
    Entry{ErrorCode::denied, "denied", 9},
    Entry{ErrorCode::unreachable, "unreachable", 69},
    Entry{ErrorCode::moved, "moved", 5},
    Entry{ErrorCode::refused, "refused", 1},
    Entry{ErrorCode::reset, "reset", 1},
    Entry{ErrorCode::closed, "closed", 1},
    Entry{ErrorCode::malformed, "malformed", 1},
    Entry{ErrorCode::too_large, "too_large", 1},
    Entry{ErrorCode::unsupported, "unsupported", 1},
    Entry{ErrorCode::exhausted, "exhausted", 1},
    Entry{ErrorCode::unavailable, "unavailable", 1},
};

const Entry& entry(ErrorCode code) {
  for (const Entry& candidate : kEntries) {
    if (candidate.code == code) return candidate;
  }
  return kEntries[0];
}

ErrorCode code_for(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
    case ENOENT:  // a Unix socket that is not there
    case ENETUNREACH:
    case EHOSTUNREACH:
      return ErrorCode::refused;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return ErrorCode::exhausted;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return ErrorCode::reset;
    case ETIMEDOUT:
      return ErrorCode::timed_out;
    case EACCES:
    case EPERM:
      return ErrorCode::denied;
    case EADDRINUSE:
      return ErrorCode::conflict;
    default:
      return ErrorCode::failed;
  }
}

}  // namespace

std::string_view name(ErrorCode code) {
  return entry(code).word;
}

int exit_code(ErrorCode code) {
  return entry(code).exit_code;
}

ErrorCode error_code(std::string_view word) {
  for (const Entry& candidate : kEntries) {
    if (candidate.word == word) return candidate.code;
  }
  return ErrorCode::failed;
}

Error system_error(int errno_value, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += std::strerror(errno_value);
  return {.code = code_for(errno_value), .message = std::move(message)};
}

}  // namespace sluice
