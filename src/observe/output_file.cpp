#include "observe/output_file.h"

#include <sluice/base/text.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice::observe {

Result<OutputFile> OutputFile::open(const std::string& path) {
  if (path == "stderr") return OutputFile(STDERR_FILENO);
  if (path == "stdout") return OutputFile(STDOUT_FILENO);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
  if (descriptor < 0) return system_error(errno, concat({"cannot open the log ", path}));
  return OutputFile(descriptor);
}

OutputFile::OutputFile(OutputFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

OutputFile::~OutputFile() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

size_t OutputFile::write(std::string_view text) const {
  constexpr int kPatienceMs = 1000;  // with whoever reads a pipe that was made non-blocking
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written > 0) {
      done += static_cast<size_t>(written);
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    pollfd writable{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (written < 0 && errno == EAGAIN && ::poll(&writable, 1, kPatienceMs) > 0) continue;
    break;
  }
  return done;
}

}  // namespace sluice::observe
