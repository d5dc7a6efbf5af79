// A file as bytes, or the reason why not. For the control thread alone: it blocks.
#pragma once

#include <sluice/base/result.h>

#include <cstdint>
#include <string>

namespace sluice::config {

/// The error's message is the reason alone, as "No such file or directory".
Result<std::string> read_file(const std::string& path, uint64_t most_bytes);
/// The same; what is no regular file, as a pipe that one could wait for without end, is an error.
Result<std::string> read_regular_file(const std::string& path, uint64_t most_bytes);

/// Of a file that `file` names by `path`, relative to itself. Whole, so that a printed configuration means
/// the same wherever it is read again.
std::string path_beside(const std::string& file, const std::string& path);

}  // namespace sluice::config
