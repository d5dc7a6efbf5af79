// The process's memory as a whole.
#pragma once

namespace sluice {

/// Gives memory that is free, but that the allocator keeps, back to the system. Takes about a millisecond for
/// ten megabytes: for the moment after many things have gone at once. Any thread.
void give_back_free_memory();

}  // namespace sluice
