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
/// Descriptors from this number on are not for clients: backends, probes and the admin socket need some, too.
int first_reserved_descriptor();
/// How many more there may be for clients; an estimate, which takes the numbers in use to be the lowest ones.
size_t descriptors_left_for_clients();

}  // namespace sluice::net
