// Control: what signals and their commands ask of the process as a whole, whatever it is in the middle of.
#include <utility>

#include "control/server_impl.h"

namespace sluice::control {

void Server::on_stop(std::function<void()> callback) {
  impl_->on_stop = std::move(callback);
}

void Server::stop() {
  if (impl_->awaits_word) {
    ++impl_->postponed.stops;
    return impl_->log.info("told to stop, as soon as it is known whose the listeners are");
  }
  if (impl_->on_stop) impl_->on_stop();
  impl_->stop();
}

void Server::reload_on_signal() {
  if (impl_->awaits_word || impl_->changes_held) {
    impl_->postponed.reload = true;
    return impl_->log.info("reload postponed: a takeover is under way");
  }
  const auto change = reload(AdminChanges::keep);
  if (change) return;
  impl_->log.error("reload refused, the running configuration goes on" +
                   field("cause", change.error().message));
}

bool Server::take_postponed_reload() {
  return std::exchange(impl_->postponed.reload, false);
}

void Server::hold_changes(bool hold) {
  impl_->changes_held = hold;
  if (hold) return;
  catch_up();
  settle();
}

void Server::hand_back() {
  impl_->awaits_word = false;
  impl_->postponed = {};
  impl_->listening.hand_back();
  impl_->stop();
}

/// In a later turn: the caller is in the middle of a takeover.
void Server::catch_up() {
  impl_->loop.post([this] {
    for (unsigned stops = std::exchange(impl_->postponed.stops, 0); stops > 0; --stops) stop();
    if (take_postponed_reload()) reload_on_signal();
  });
}

}  // namespace sluice::control
