#include <sluice/base/text.h>
#include <sluice/observe/losses.h>

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>

#include "observe/log_line.h"

namespace sluice::observe {

std::string Losses::cause() const {
  const int why = why_.load(std::memory_order_relaxed);
  if (why == 0) return "";
  return why == kTooSlow ? "it takes them too slowly" : std::strerror(why);
}

void say_on_stderr(std::string_view line) {
  std::string text;
  append_log_line(text, LogFormat::text, wall_time(), LogLevel::warning, line);
  if (text.size() > PIPE_BUF) return;  // A pipe that is writable takes so much at once.
  pollfd writable{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&writable, 1, 0) <= 0 || (writable.revents & POLLOUT) == 0) return;
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

}  // namespace sluice::observe
