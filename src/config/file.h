// A file as bytes, or the reason why not. For the control thread alone: it waits for the disk.
#pragma once

#include <sluice/base/result.h>

#include <cstdint>
#include <string>

namespace sluice::config {

/// The error's message is the reason alone, as "No such file or directory". Of a pipe it waits for the end:
/// for a process that serves no one yet.
Result<std::string> read_file(const std::string& path, uint64_t most_bytes);
/// The same for a process that serves: what is no regular file, as a pipe whose writer may never come, is an
/// error at once.
Result<std::string> read_regular_file(const std::string& path, uint64_t most_bytes);

/// Of a file that `file` names by `path`, relative to itself. Whole, so that a printed configuration means
/// the same wherever it is read again.
std::string path_beside(const std::string& file, const std::string& path);

}  // namespace sluice::config
