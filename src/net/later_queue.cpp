#include "net/later_queue.h"

namespace sluice::net {

LaterQueue::LaterQueue(uv_loop_t* loop) {
  CHECK(uv_idle_init(loop, idle_.get()) == 0);
  idle_.initialised(this);
}

void LaterQueue::add(Later& later) {
  if (later.hook_.is_linked()) return;
  if (waiting_.empty()) {
    const auto on_idle = [](uv_idle_t* raw) {
      if (auto* self = owner_of<LaterQueue>(raw)) self->run();
    };
    CHECK(uv_idle_start(idle_.get(), on_idle) == 0);
  }
  waiting_.push_back(later);
}

void LaterQueue::run() {
  uv_idle_stop(idle_.get());
  List<Later, &Later::hook_> due;  // What is added from here on belongs to the next turn.
  while (Later* later = waiting_.pop_front()) due.push_back(*later);
  while (Later* later = due.pop_front()) later->callback_(later->owner_);
}

}  // namespace sluice::net
