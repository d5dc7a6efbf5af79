#include "config/file.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <sys/stat.h>

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

}  // namespace

Result<std::string> read_file(const std::string& path, uint64_t most_bytes) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
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

Result<std::string> read_regular_file(const std::string& path, uint64_t most_bytes) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return failed(std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return failed("it is no regular file");
  return read_file(path, most_bytes);
}

std::string path_beside(const std::string& file, const std::string& path) {
  const auto relative = std::filesystem::path(file).parent_path() / path;
  std::error_code failure;
  const auto whole = std::filesystem::absolute(relative, failure);
  return (failure ? relative : whole).string();
}

}  // namespace sluice::config
