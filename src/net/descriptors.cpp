#include <sluice/net/descriptor.h>
#include <sluice/net/descriptors.h>

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <limits>
#include <vector>

namespace sluice::net {

size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<size_t>::max();
  rlimit raised = limit;
  raised.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

Result<void> check_room_for(size_t descriptors) {
  std::vector<Descriptor> opened;
  while (opened.size() < descriptors) {
    const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (one < 0) return system_error(errno, "no descriptors are left");
    opened.emplace_back(one);
  }
  return {};
}

}  // namespace sluice::net
