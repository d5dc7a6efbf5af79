#include <sluice/net/descriptor_watch.h>

#include <utility>

#include "net/poll.h"

namespace sluice::net {
namespace {

constexpr Duration kAgain{100};  // when the loop has no place

}  // namespace

struct DescriptorWatch::Impl {
  Impl(Loop& loop_used, int the_descriptor) : loop(loop_used), descriptor(the_descriptor) {}

  void watch() {
    again.disarm();
    if (events == 0) return poll.stop();
    const auto on_event = [](uv_poll_t* raw, int status, int events_now) {
      auto* self = owner_of<Impl>(raw);
      if (self == nullptr) return;
      const auto callback = self->on_ready;  // It may destroy us.
      const bool failed = status != 0;
      (*callback)(failed || (events_now & UV_READABLE) != 0, failed || (events_now & UV_WRITABLE) != 0);
    };
    int status = poll.initialise(loop.raw(), descriptor, this);
    if (status == 0) status = poll.start(events, on_event);
    if (status != 0) loop.deadlines().arm(again, kAgain);
  }

  Loop& loop;
  int descriptor;
  int events = 0;
  Deadline again{[this] { watch(); }};
  Poll poll;
  std::shared_ptr<const OnReady> on_ready;
};

DescriptorWatch::DescriptorWatch(Loop& loop, int descriptor, OnReady on_ready)
    : impl_(std::make_unique<Impl>(loop, descriptor)) {
  impl_->on_ready = std::make_shared<const OnReady>(std::move(on_ready));
}

DescriptorWatch::~DescriptorWatch() = default;

void DescriptorWatch::watch_for(bool readable, bool writable) {
  impl_->events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  impl_->watch();
}

}  // namespace sluice::net
