// What the two processes of a takeover say to each other, as values and as text. Pure. The new process says
// hello, is given sockets (with their descriptors) and the state, says ready, and gets the message that all
// is its own; then the old one gives it clients' connections, and reports on its way out. Either may refuse.
// While the old one is on standby, the new one sends it heartbeats, and at last the verdict.
#pragma once

#include <sluice/base/error.h>
#include <sluice/base/result.h>
#include <sluice/control/handoff_state.h>
#include <sluice/desired/state_file.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "takeover/connection_messages.h"
#include "takeover/probation_messages.h"

namespace sluice::takeover {

/// Of the conversation: the newest one that this process speaks, and the oldest.
inline constexpr uint64_t kNewestTakeover = 3;
inline constexpr uint64_t kOldestTakeover = 1;
/// The first version in which client connections move.
inline constexpr uint64_t kConnectionsMove = 2;
/// The first version in which the old process can be on standby, and be given everything back.
inline constexpr uint64_t kProbation = 3;

/// Versions have nothing but this message in common for good.
struct HelloMessage {
  uint64_t newest = kNewestTakeover;
  uint64_t oldest = kOldestTakeover;
  std::string sluice{};  ///< its release, for people
  std::string binary{};  ///< the file that it runs, for people; empty from releases that do not say
  int process = 0;
  bool comes_back = false;  ///< it was on standby, and takes back what it had left
  bool operator==(const HelloMessage&) const = default;
};

struct SocketsMessage {
  std::vector<control::HandedSocket> sockets{};
  bool operator==(const SocketsMessage&) const = default;
};

/// The last of what is given.
struct StateMessage {
  uint64_t version = kNewestTakeover;  ///< of the conversation from here on
  control::HandedState state{};
  bool operator==(const StateMessage&) const = default;
};

struct ReadyMessage {
  std::set<std::string> listeners{};  ///< those it will accept on; the others are the old one's to drain
  bool admin = false;                 ///< the admin socket is the same
  size_t room = 0;                    ///< for how many descriptors of clients' connections
  bool probation = false;             ///< the old one is to be on standby
  bool operator==(const ReadyMessage&) const = default;
};

struct RefusedMessage {
  ErrorCode code = ErrorCode::failed;
  std::string message{};
  bool operator==(const RefusedMessage&) const = default;
};

/// Of the old process: from now on all is the new one's (the first), and how far it is on its way out.
struct ActivateMessage {
  observe::Totals totals{};
  size_t predecessors = 0;               ///< processes before the old one that still drain
  std::optional<ErrorRate> stands_by{};  ///< it does not end: how it answered before
  bool reload = false;                   ///< was asked of the old one meanwhile
  bool goodbye = false;                  ///< the last report: the sums are whole. None from earlier releases
  bool has_lost = false;                 ///< a process before it has died, and what that had is in no sum
  unsigned stops = 0;                    ///< so often the old one was asked to stop while on standby
  bool operator==(const ActivateMessage&) const = default;
};

/// Of the new process, once it is active: what admins have changed since. Requests that wait in the old one
/// for a backend are to follow it.
struct ChangesMessage {
  desired::SavedState saved{};
  bool operator==(const ChangesMessage&) const = default;
};

using TakeoverMessage =
    std::variant<HelloMessage, SocketsMessage, StateMessage, ReadyMessage, RefusedMessage, ActivateMessage,
                 ConnectionsMessage, AcknowledgeMessage, HeartbeatMessage, VerdictMessage, ChangesMessage>;

/// JSON on one line; behind a line feed, bytes that it counts. An error when parse_takeover() would not give
/// just this back, as of a name that is no UTF-8.
Result<std::string> takeover_text(const TakeoverMessage& message);
/// Members that this version does not know are passed over; an unknown kind of message is an error.
Result<TakeoverMessage> parse_takeover(std::string_view text);

/// The version that both speak; the error says what each of them does.
Result<uint64_t> common_version(const HelloMessage& hello);

}  // namespace sluice::takeover
