// How listeners change hands between two processes.
#pragma once

namespace sluice::listeners {

/// Whether another process has copies of the listening sockets and may be given them back: then no socket is
/// added of which it has no copy.
enum class Alone { no, yes };

/// What becomes of the clients of listeners that are another process's from now on: they finish here, or
/// their connections move there.
enum class Clients { finish, move };

}  // namespace sluice::listeners
