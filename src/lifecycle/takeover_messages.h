// What the two processes of a takeover say to each other, as values and as text. Pure. The new process says
// hello, is given sockets (with their descriptors) and the state, says ready, and is told that all is its
// own; then the old one gives it clients' connections, and reports on its way out. Either may refuse. While
// the old one stands by, the new one lets it hear that it lives, and at last what becomes of them.
#pragma once

#include <sluice/base/error.h>
#include <sluice/base/result.h>
#include <sluice/lifecycle/server.h>
#include <sluice/upstream/health.h>
#include <sluice/upstream/standing.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lifecycle/connection_messages.h"
#include "lifecycle/probation_messages.h"
#include "lifecycle/state_file.h"

namespace sluice::lifecycle {

/// Of the conversation: the newest one that this process speaks, and the oldest.
inline constexpr uint64_t kNewestTakeover = 3;
inline constexpr uint64_t kOldestTakeover = 1;
/// The first version in which client connections move.
inline constexpr uint64_t kConnectionsMove = 2;
/// The first version in which the old process can stand by, and be given everything back.
inline constexpr uint64_t kProbation = 3;

/// Versions have nothing but this message in common for good.
struct HelloMessage {
  uint64_t newest = kNewestTakeover;
  uint64_t oldest = kOldestTakeover;
  std::string sluice{};  ///< its release, for people
  int process = 0;
  bool comes_back = false;  ///< it stood by, and takes back what it had left
  bool operator==(const HelloMessage&) const = default;
};

/// A descriptor that comes with a message, in the order of the message's.
struct PassedSocket {
  enum class Kind { listener, admin, state_lock };
  Kind kind = Kind::listener;
  std::string name{};  ///< the listener's identity (its address in the file), or the path of the file
  unsigned index = 0;  ///< of the listener's sockets
  bool lent = false;   ///< by the service manager, not opened by us
  bool operator==(const PassedSocket&) const = default;
};

struct SocketsMessage {
  std::vector<PassedSocket> sockets{};
  bool operator==(const SocketsMessage&) const = default;
};

struct PassedHealth {
  std::string pool{};
  Address address{};
  upstream::HealthState health{};  ///< by its probes
  upstream::Standing standing{};   ///< of which flapping stays where it was seen
  bool operator==(const PassedHealth&) const = default;
};

/// The last of what is given.
struct StateMessage {
  uint64_t version = kNewestTakeover;  ///< of the conversation from here on
  int process = 0;
  SavedState saved{};
  std::vector<PassedHealth> backends{};
  config::Places places{};                     ///< what names led to last
  std::vector<observe::LoggedEvent> events{};  ///< the newest ones; none from releases that kept none
  bool operator==(const StateMessage&) const = default;
};

struct ReadyMessage {
  std::set<std::string> listeners{};  ///< those it will accept on; the others are the old one's to drain
  bool admin = false;                 ///< the admin socket is the same
  size_t room = 0;                    ///< for how many descriptors of clients' connections
  bool probation = false;             ///< the old one is to stand by
  bool operator==(const ReadyMessage&) const = default;
};

struct RefusedMessage {
  ErrorCode code = ErrorCode::failed;
  std::string message{};
  bool operator==(const RefusedMessage&) const = default;
};

/// Of the old process: from now on all is the new one's (the first), and how far it is on its way out.
struct YoursMessage {
  Totals totals{};
  size_t predecessors = 0;             ///< processes before the old one that still drain
  std::optional<Figures> stands_by{};  ///< it does not end: how it answered before
  bool reload = false;                 ///< was asked of the old one meanwhile
  unsigned stops = 0;                  ///< so often the old one was told to stop while it stood by
  bool operator==(const YoursMessage&) const = default;
};

/// Of the new process, once it is the one: what admins have changed since. Requests that wait in the old one
/// for a backend are to hear of it.
struct ChangesMessage {
  SavedState saved{};
  bool operator==(const ChangesMessage&) const = default;
};

using TakeoverMessage =
    std::variant<HelloMessage, SocketsMessage, StateMessage, ReadyMessage, RefusedMessage, YoursMessage,
                 ConnectionsMessage, TakenMessage, BeatMessage, VerdictMessage, ChangesMessage>;

/// JSON on one line; behind a line feed, bytes that it counts. An error when parse_takeover() would not give
/// just this back, as of a name that is no UTF-8.
Result<std::string> takeover_text(const TakeoverMessage& message);
/// Members that this version does not know are passed over; an unknown kind of message is an error.
Result<TakeoverMessage> parse_takeover(std::string_view text);

/// The version that both speak; the error says what each of them does.
Result<uint64_t> common_version(const HelloMessage& hello);

}  // namespace sluice::lifecycle
