#include <sluice/net/descriptor.h>
#include <sluice/net/descriptors.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <climits>
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

int first_reserved_descriptor() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return INT_MAX;
  const auto all = static_cast<int>(limit.rlim_cur);
  return all - std::min(all / 4, 64);
}

size_t descriptors_left_for_clients() {
  const Descriptor lowest(::eventfd(0, EFD_CLOEXEC));
  const int first_reserved = first_reserved_descriptor();
  if (!lowest.is_open() || lowest.get() >= first_reserved) return 0;
  return static_cast<size_t>(first_reserved - lowest.get());
}

}  // namespace sluice::net
