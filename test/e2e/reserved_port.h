// A port for a socket that opens later, or closes and opens again.
#pragma once

namespace sluice::e2e {

/// A port that no socket listens on, on any address. While this program runs, the kernel gives it to no other
/// socket that asks for any port, also not to one that connects; one that names it gets it, with
/// SO_REUSEADDR.
int reserve_port();

}  // namespace sluice::e2e
