#include "net/later_turn.h"

namespace sluice::net {

LaterTurn::LaterTurn(uv_loop_t* loop) {
  CHECK(uv_idle_init(loop, idle_.get()) == 0);
  idle_.initialised(this);
}

void LaterTurn::add(Later& later) {
  const bool was_empty = waiting_.empty();
  waiting_.add(later);
  if (!was_empty || waiting_.empty()) return;
  const auto on_idle = [](uv_idle_t* raw) {
    auto* self = owner_of<LaterTurn>(raw);
    if (self == nullptr) return;
    uv_idle_stop(self->idle_.get());
    self->waiting_.run();
  };
  CHECK(uv_idle_start(idle_.get(), on_idle) == 0);
}

}  // namespace sluice::net
