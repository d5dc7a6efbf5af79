// Talks to the service manager that has started this process, when one has, in systemd's words: how far it
// is, that it lives, and sockets, which the manager gives and keeps.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/net/descriptor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::net {

class ServiceManager {
 public:
  struct Given {
    std::string name{};
    Descriptor descriptor{};
  };
  /// Whether WATCHDOG_PID has to name this process, or may name one that it has taken over from. LISTEN_PID
  /// has to name this process in any role.
  enum class Role { first, successor };

  /// Without a manager.
  ServiceManager();
  ServiceManager(ServiceManager&& other) noexcept;
  ~ServiceManager();
  /// As NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say. Takes the
  /// sockets out of the environment: once a process.
  static ServiceManager from_environment(Role role);

  /// Lines such as "READY=1". Without a manager, or when sending fails, nothing happens. Never waits for
  /// a manager that does not read: the message is kept then, up to a bound, and send_waiting() tries again.
  void tell(std::string_view lines, const std::vector<int>& descriptors = {}) const;
  /// Keeps the descriptors over the end of this process, under the name.
  void keep(std::string_view name, const std::vector<int>& descriptors) const;
  /// Makes the manager drop those of this name.
  void forget(std::string_view name) const;

  /// Runs when a message has to wait, so that send_waiting() is called in a while.
  void on_waiting(std::function<void()> callback);
  /// False when some still wait.
  bool send_waiting() const;

  /// Those that it has given: of a socket unit, or kept.
  std::vector<Given> take_given() { return std::exchange(given_, {}); }
  /// How often it wants "WATCHDOG=1" at least; nothing when it does not.
  std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  struct Outbox;
  std::unique_ptr<Outbox> outbox_;  // null without a manager
  std::optional<Duration> watchdog_;
  std::vector<Given> given_;
};

/// The characters that a name may not have are replaced.
std::string descriptor_name(std::string_view text);

}  // namespace sluice::net
