#include "observe/output_file.h"

#include <sluice/base/text.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice::observe {
namespace {

bool is_pipe(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path) {
  if (path == "stderr") return OutputFile(STDERR_FILENO);
  if (path == "stdout") return OutputFile(STDOUT_FILENO);
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int descriptor = ::open(path.c_str(), kFlags, 0644);
  if (descriptor < 0 && errno == ENXIO && is_pipe(path)) {
    return Error{.code = ErrorCode::failed,
                 .message = concat({"cannot open the log ", path, ": it is a pipe that no process reads"})};
  }
  if (descriptor < 0) return system_error(errno, concat({"cannot open the log ", path}));
  // Only opening must not wait: the writing thread may, so that a reader that comes later misses nothing.
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
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

OutputFile::Written OutputFile::write(std::string_view text) const {
  constexpr int kPatienceMs = 1000;  // with the reader of a pipe that was made non-blocking
  Written done;
  while (done.bytes < text.size()) {
    const ssize_t written = ::write(descriptor_, text.data() + done.bytes, text.size() - done.bytes);
    if (written > 0) {
      done.bytes += static_cast<size_t>(written);
      continue;
    }
    done.why = written < 0 ? errno : ENOSPC;
    if (done.why == EINTR) continue;
    pollfd writable{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (done.why == EAGAIN && ::poll(&writable, 1, kPatienceMs) > 0) continue;
    break;
  }
  return done;
}

}  // namespace sluice::observe
