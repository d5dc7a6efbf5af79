// An error as a value: a message for a person, and what code needs to decide what comes next.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class ErrorCode {
  // What an operator's command can end in; each has an exit code of its own.
  failed,
  usage,
  invalid_config,
  timed_out,
  conflict,
  never_healthy,
  rolled_back,
  not_found,
  denied,
  unreachable,
  moved,  ///< another process answers now, or soon will: nothing was done here
  // What the data path tells apart.
  refused,      ///< no process listens there, or the network refuses: nothing was sent
  reset,        ///< the peer broke the connection
  closed,       ///< the peer ended the connection in order, but too early
  malformed,    ///< the peer sent what no rule allows
  too_large,    ///< a bound was reached
  unsupported,  ///< allowed by the protocol, but not offered here
  exhausted,    ///< this process is out of descriptors or memory
  unavailable,  ///< no backend could take the request
};

/// Which side caused it: decides between 4xx, 5xx and 499.
enum class Origin { internal, downstream, upstream };

struct Error {
  ErrorCode code = ErrorCode::failed;
  std::string message{};
  Origin origin = Origin::internal;
  int status = 0;  ///< the HTTP status that answers it best, 0 when none was chosen
};

/// The stable word of a code, as in `error not_found: ...`.
std::string_view name(ErrorCode code);

/// The command line's exit code (DESIGN: 1 failed, 2 usage, 3 invalid_config, 4 timed_out, ... 69
/// unreachable).
int exit_code(ErrorCode code);

/// The code with this word, or ErrorCode::failed when there is none.
ErrorCode error_code(std::string_view word);

/// `what: strerror(errno_value)`, with the code that fits (refused, reset, timed_out, denied, ... else
/// failed).
Error system_error(int errno_value, std::string_view what);

}  // namespace sluice
