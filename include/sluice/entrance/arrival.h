// A client that has connected and cannot be served yet, since something comes before its protocol: the PROXY
// header that names it.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>
#include <sluice/net/transport.h>
#include <sluice/wire/resting.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>

#include <memory>
#include <string_view>

namespace sluice::entrance {

class Arrival;

/// Each call may destroy the owner.
class ArrivalOwner {
 public:
  /// All that had to come is there. The connection is read from until another reader takes it over.
  virtual void on_arrived(std::unique_ptr<net::Transport> transport, wire::BetweenRequests at) = 0;
  /// It has ended before that.
  virtual void on_lost() = 0;

 protected:
  ~ArrivalOwner() = default;
};

/// Owns itself from its making until it has arrived or is lost, or close(). It has one deadline for all, and
/// keeps a bounded number of bytes. While it waits it may be closed like a connection that rests.
class Arrival final : private net::Reader, private wire::Resting {
 public:
  /// Nothing happens on it before begin().
  static Arrival& make(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                       wire::ServerContext& context, ArrivalOwner& owner);
  /// May end it: the caller's last line.
  void begin();
  /// From now on another one has it.
  void give_to(ArrivalOwner& owner) { owner_ = &owner; }
  /// For the next owner, with what has come: this owner has only to close() it then. After an error nothing
  /// has happened.
  Result<wire::SuspendedConnection> suspend();
  /// Drops it; the owner hears nothing.
  void close();

  Arrival(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from, wire::ServerContext& context,
          ArrivalOwner& owner);
  ~Arrival();

  ListHook list_hook;  ///< among those of its entrance

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  bool close_if_quiet() override;
  void read_header();
  void lose();

  std::unique_ptr<net::Transport> transport_;
  wire::BetweenRequests at_;
  wire::ServerContext& context_;
  ArrivalOwner* owner_;
  Deadline deadline_{[this] { lose(); }};
  std::unique_ptr<Arrival> self_;
};

}  // namespace sluice::entrance
