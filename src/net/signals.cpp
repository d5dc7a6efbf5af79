#include <sluice/base/check.h>
#include <sluice/net/signals.h>

#include <csignal>
#include <utility>

#include "net/handle.h"

namespace sluice::net {

bool asks_to_stop(int signal_number) {
  return signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGQUIT;
}

struct Signals::Watch {
  Handle<uv_signal_t> handle;
  std::function<void()> callback;
};

Signals::Signals(Loop& loop) : loop_(loop) {}

Signals::~Signals() = default;

void Signals::on(int signal_number, std::function<void()> callback) {
  auto watch = std::make_unique<Watch>();
  watch->callback = std::move(callback);
  CHECK(uv_signal_init(loop_.raw(), watch->handle.get()) == 0);
  watch->handle.initialised(watch.get());
  const auto on_signal = [](uv_signal_t* raw, int) {
    auto* self = owner_of<Watch>(raw);
    if (self == nullptr) return;
    const auto run = self->callback;  // A copy: it may destroy the watch.
    run();
  };
  CHECK(uv_signal_start(watch->handle.get(), on_signal, signal_number) == 0);
  watches_.push_back(std::move(watch));
}

void Signals::ignore_broken_pipes() {
  CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

}  // namespace sluice::net
