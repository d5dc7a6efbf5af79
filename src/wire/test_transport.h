// The transport of the tests of wire/, and of those above it.
#pragma once

#include "net/memory_transport.h"

namespace sluice::wire {

using net::MemoryTransport;

}  // namespace sluice::wire
