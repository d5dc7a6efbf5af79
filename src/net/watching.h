// A place for a descriptor in a loop's epoll. The kernel gives each user so many (fs.epoll.max_user_watches),
// over all processes, and libuv aborts the process when there is none left.
#pragma once

struct uv_loop_s;

namespace sluice::net {

/// Takes the place before libuv does, which then finds it taken (EEXIST) and goes on. To be called in the
/// turn in which libuv is asked to watch; closing the handle gives it back. Returns 0 or a negated errno:
/// what libuv was asked for is to be stopped then. The loop's thread.
int take_watch(uv_loop_s* loop, int descriptor);

}  // namespace sluice::net
