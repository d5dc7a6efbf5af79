// Talks to the service manager that has started this process, when one has, in systemd's words: how far it
// is, that it lives, and sockets, which the manager gives and keeps.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/net/descriptor.h>

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
  /// Whether what the environment says of watching and sockets is for the process that it names alone, or for
  /// the one that has taken over from it, too.
  enum class Role { first, heir };

  /// None: nobody is told anything.
  ServiceManager() = default;
  /// As NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say. Takes the
  /// sockets out of the environment: once a process.
  static ServiceManager from_environment(Role role);

  /// Lines such as "READY=1". Without a manager, or when it cannot be told, nothing happens.
  void tell(std::string_view lines, const std::vector<int>& descriptors = {}) const;
  /// Keeps the descriptors over the end of this process, under the name.
  void keep(std::string_view name, const std::vector<int>& descriptors) const;
  /// Lets go of those of this name.
  void forget(std::string_view name) const;

  /// Those that it has given: of a socket unit, or kept.
  std::vector<Given> take_given() { return std::exchange(given_, {}); }
  /// How often it wants to hear "WATCHDOG=1" at least; nothing when it does not.
  std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  std::string socket_;  // as in NOTIFY_SOCKET
  std::optional<Duration> watchdog_;
  std::vector<Given> given_;
};

/// The characters that a name may not have are replaced.
std::string descriptor_name(std::string_view text);

}  // namespace sluice::net
