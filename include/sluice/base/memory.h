// Memory that is kept for the next use, and memory that is given back.
#pragma once

#include <cstddef>
#include <string>

namespace sluice {

/// Gives memory that is free, but that the allocator keeps, back to the system. Takes about a millisecond for
/// ten megabytes: for the moment after many things have gone at once. Any thread.
void give_back_free_memory();

/// Empties a buffer that is used again. Its room is kept, but for what a rare giant has made of it.
void clear_keeping(std::string& buffer, size_t most_bytes);

}  // namespace sluice
