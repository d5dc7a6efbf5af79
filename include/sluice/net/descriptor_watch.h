// Tells when a descriptor that another library owns can be read or written.
#pragma once

#include <sluice/net/loop.h>

#include <functional>
#include <memory>

namespace sluice::net {

/// To be dropped before the descriptor is closed. It may be dropped in its own callback.
class DescriptorWatch {
 public:
  using OnReady = std::function<void(bool readable, bool writable)>;

  /// Watches for nothing yet.
  DescriptorWatch(Loop& loop, int descriptor, OnReady on_ready);
  ~DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

  /// What for from now on. An error of the descriptor counts as both. While the loop has no place
  /// left for it (fs.epoll.max_user_watches) it tells nothing, and tries again.
  void watch_for(bool readable, bool writable);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
