// What one process leaves to the next, with the descriptors themselves.
#pragma once

#include <sluice/base/address.h>
#include <sluice/config/names.h>
#include <sluice/desired/state_file.h>
#include <sluice/net/descriptor.h>
#include <sluice/observe/events.h>
#include <sluice/upstream/health.h>
#include <sluice/upstream/health_record.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace sluice::control {

/// What a descriptor is that comes with a message; in the order of the message's descriptors.
struct HandedSocket {
  enum class Kind { listener, admin, state_lock };
  Kind kind = Kind::listener;
  std::string name{};  ///< the listener's identity (its address in the file), or the path of the file
  unsigned index = 0;  ///< its place among the listener's sockets
  bool lent = false;   ///< by the service manager, not opened by us
  bool operator==(const HandedSocket&) const = default;
};

struct HandedHealth {
  std::string pool{};
  Address address{};
  upstream::HealthState health{};     ///< by its probes
  upstream::HealthRecord standing{};  ///< without flapping, which stays with the process that saw it
  bool operator==(const HandedHealth&) const = default;
};

/// All but the descriptors.
struct HandedState {
  int process = 0;
  desired::SavedState saved{};
  uint64_t reads = desired::kNewestState;  ///< versions of a state file, up to this one
  std::vector<HandedHealth> backends{};
  config::ResolvedNames places{};              ///< what names led to last
  std::vector<observe::LoggedEvent> events{};  ///< the newest ones; none from releases that kept none
  /// The kernel's numbers of listening sockets, handed over or not, of this process and of those before it.
  /// They yield their addresses.
  std::set<uint64_t> listening{};
  bool operator==(const HandedState&) const = default;
};

struct HandoffState {
  struct Socket {
    HandedSocket what;
    net::Descriptor descriptor;
  };
  std::vector<Socket> sockets;
  HandedState state;
  bool has_sockets_alone = false;  ///< of a process that has died: the state is in files
  uint64_t newest_event = 0;       ///< of a process that has left of its events only the newest one's number

  /// The first of this kind, taken out; not open when there is none.
  Socket take(HandedSocket::Kind kind);
};

}  // namespace sluice::control
