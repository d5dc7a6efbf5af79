#include "net/watching.h"

#include <sys/epoll.h>

#include <cerrno>

#include <uv.h>

namespace sluice::net {

int take_watch(uv_loop_s* loop, int descriptor) {
  epoll_event nothing{};
  nothing.data.fd = descriptor;  // As libuv sets it: epoll reports a hangup whatever the events are.
  const int added = ::epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, descriptor, &nothing);
  return added == 0 || errno == EEXIST ? 0 : -errno;
}

}  // namespace sluice::net
