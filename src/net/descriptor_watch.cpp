#include <sluice/base/check.h>
#include <sluice/net/descriptor_watch.h>

#include <utility>

#include "net/handle.h"

namespace sluice::net {

struct DescriptorWatch::Impl {
  Handle<uv_poll_t> handle;
  std::shared_ptr<const OnReady> on_ready;
};

DescriptorWatch::DescriptorWatch(Loop& loop, int descriptor, OnReady on_ready)
    : impl_(std::make_unique<Impl>()) {
  impl_->on_ready = std::make_shared<const OnReady>(std::move(on_ready));
  CHECK(uv_poll_init(loop.raw(), impl_->handle.get(), descriptor) == 0);
  impl_->handle.initialised(impl_.get());
}

DescriptorWatch::~DescriptorWatch() = default;

void DescriptorWatch::watch_for(bool readable, bool writable) {
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(impl_->handle.get());
    return;
  }
  const auto on_event = [](uv_poll_t* raw, int status, int events_now) {
    auto* self = owner_of<Impl>(raw);
    if (self == nullptr) return;
    const auto callback = self->on_ready;  // It may destroy us.
    const bool failed = status != 0;
    (*callback)(failed || (events_now & UV_READABLE) != 0, failed || (events_now & UV_WRITABLE) != 0);
  };
  CHECK(uv_poll_start(impl_->handle.get(), events, on_event) == 0);
}

}  // namespace sluice::net
