// What a descriptor of a loop is watched with, as long as there is a place for it.
#pragma once

#include <sluice/base/check.h>

#include <uv.h>

#include "net/handle.h"
#include "net/watching.h"

namespace sluice::net {

/// Of the loop's thread. It has no place in the loop before it is needed (fs.epoll.max_user_watches).
class Poll {
 public:
  /// Ties it to its descriptor; once is enough. 0 or a negated errno when there is no place.
  int initialise(uv_loop_t* loop, int descriptor, void* owner) {
    if (loop_ != nullptr) return 0;
    const int status = uv_poll_init(loop, handle_.get(), descriptor);
    if (status == UV_ENOSPC || status == UV_ENOMEM) return status;
    SLUICE_CHECK(status == 0);
    handle_.initialised(owner);
    loop_ = loop;
    descriptor_ = descriptor;
    return 0;
  }
  /// Once initialised: calls back for these events from now on. 0 or a negated errno when there is no place;
  /// then it has stopped.
  int start(int events, uv_poll_cb on_ready) {
    SLUICE_CHECK(uv_poll_start(handle_.get(), events, on_ready) == 0);
    const int status = take_watch(loop_, descriptor_);
    if (status != 0) stop();
    return status;
  }
  void stop() {
    if (loop_ != nullptr) uv_poll_stop(handle_.get());
  }

 private:
  Handle<uv_poll_t> handle_;
  uv_loop_t* loop_ = nullptr;  // once initialised
  int descriptor_ = -1;
};

}  // namespace sluice::net
