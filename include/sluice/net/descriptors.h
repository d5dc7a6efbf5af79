// How many descriptors this process may have open.
#pragma once

#include <sluice/base/result.h>

#include <cstddef>

namespace sluice::net {

/// Raises the process's soft limit of open descriptors to its hard one, and answers what it is now. A login
/// shell's soft limit of 1024 is there for programs that use select(); we use none. Before any acceptor is
/// made.
size_t raise_descriptor_limit();

/// An error of code exhausted when so many more could not be opened now.
Result<void> check_room_for(size_t descriptors);

}  // namespace sluice::net
