// Control: what signals and their commands ask of the process as a whole, whatever it is in the middle of.
#include <utility>

#include "lifecycle/server_impl.h"

namespace sluice::lifecycle {

void Server::on_stop(std::function<void()> callback) {
  impl_->on_stop = std::move(callback);
}

void Server::stop() {
  if (impl_->on_stop) impl_->on_stop();
  impl_->stop();
}

}  // namespace sluice::lifecycle
