// What a worker has seen of a backend in traffic, for control to judge.
#pragma once

#include <sluice/observe/cause.h>

namespace sluice::upstream {

struct Evidence {
  enum class Kind {
    failures,  ///< the row of failures is full
    drains,    ///< a response says that it drains
  };
  Kind kind = Kind::failures;
  observe::Cause cause{};  ///< of the last failure
  int status = 0;          ///< of the response, when that was the failure; else 0
};

}  // namespace sluice::upstream
