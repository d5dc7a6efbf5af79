#include <sluice/control/watchdog.h>

namespace sluice::control {

void Watchdog::start() {
  if (manager_.watchdog()) look();
}

void Watchdog::stop() {
  next_.disarm();
}

void Watchdog::look() {
  executor_.deadlines().arm(next_, *manager_.watchdog() / 3);
  if (is_asking_) return;
  is_asking_ = true;
  server_.ask_workers([this] {
    is_asking_ = false;
    if (next_.is_armed()) manager_.tell("WATCHDOG=1");
  });
}

}  // namespace sluice::control
