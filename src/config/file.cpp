#include "config/file.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace sluice::config {
namespace {

Error failed(std::string reason) {
  return {.code = ErrorCode::invalid_config, .message = std::move(reason)};
}

/// Closes it.
Result<std::string> read(FILE* opened, uint64_t most_bytes) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(opened, &std::fclose);
  if (!file) return failed(std::strerror(errno));
  std::string text;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    text.append(buffer, size);
    if (text.size() > most_bytes) return failed(concat({"it is longer than ", size_text(most_bytes)}));
  }
  if (std::ferror(file.get()) != 0) return failed(std::strerror(errno));
  return text;
}

}  // namespace

Result<std::string> read_file(const std::string& path, uint64_t most_bytes) {
  return read(std::fopen(path.c_str(), "re"), most_bytes);
}

Result<std::string> read_regular_file(const std::string& path, uint64_t most_bytes) {
  struct stat about {};
  const auto is_regular = [&about] { return S_ISREG(about.st_mode); };
  if (::stat(path.c_str(), &about) != 0) return failed(std::strerror(errno));
  if (!is_regular()) return failed("it is no regular file");
  // What has taken its place since is not waited for, either.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) return failed(std::strerror(errno));
  FILE* const file = ::fdopen(descriptor, "r");
  if (file == nullptr || ::fstat(descriptor, &about) != 0 || !is_regular()) {
    file == nullptr ? ::close(descriptor) : std::fclose(file);
    return failed("it is no regular file");
  }
  return read(file, most_bytes);
}

std::string path_beside(const std::string& file, const std::string& path) {
  const auto relative = std::filesystem::path(file).parent_path() / path;
  std::error_code failure;
  const auto whole = std::filesystem::absolute(relative, failure);
  return (failure ? relative : whole).string();
}

}  // namespace sluice::config
