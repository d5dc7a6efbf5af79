// Which worker accepts on which socket, and how listeners come, go, and change hands while clients connect.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/loop.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lifecycle/listeners.h"
#include "lifecycle/workers.h"

namespace sluice::lifecycle {

/// After new connection attempts are refused, those that were half open have this long to complete and be
/// accepted.
inline constexpr Duration kHalfOpen{100};

/// Control's.
class Listening {
 public:
  Listening(net::Loop& loop, Log& log, Workers& workers) : loop_(loop), log_(log), workers_(workers) {}

  /// The manager, which outlives this, keeps the sockets for the next process: even a crash loses none.
  void keep_with(const net::ServiceManager& manager) { manager_ = &manager; }

  const SocketsById& sockets() const { return sockets_; }
  /// Also those that are about to close, or set aside, which change() may be given as well. Not Unix sockets
  /// that are: they have no file any more.
  SocketsById open_sockets() const;
  /// Those that the next process needs: ours, and what is set aside.
  SocketsById sockets_to_pass() const;
  /// Of what was lent, what the configuration does not name: it is the service manager's, whom it is left to,
  /// and nobody else could open it should a later configuration name it.
  void set_aside(const SocketsById& given);
  /// Of a listener that is there; with the port that the kernel picked.
  const Address* address(const std::string& id) const;

  /// Exactly these from now on, and exactly the workers that accept now: each gets its share of the sockets,
  /// those of others included. Clients of a listener that is gone are accepted to the last.
  void change(SocketsById next);

  /// Nothing is accepted before own(). Whom another process may still refuse has no client to lose.
  void wait_for_word() { accepts_ = false; }
  std::set<std::string> shared() const;
  /// Those that this process shares with another are its own now. Alone::no: that one stands by with copies,
  /// so that no socket is closed but for all that are, and none is added beside them.
  void own(Server::Alone alone);
  void be_alone();
  /// Stops accepting on these at once. Their queues are left to the process that has them, too; their clients
  /// end here, or move.
  void hand_over(const std::set<std::string>& ids, Server::Clients clients);
  void hand_back() { hand_over(shared(), Server::Clients::finish); }
  /// The same, but keeps their sockets; the others are gone, as with change().
  void stand_by(const std::set<std::string>& ids, Server::Clients clients);
  std::set<std::string> kept() const;
  /// What nobody can reach any more is not kept.
  void forget_lost();
  /// Those of the other process that this one keeps none of: they are as good as kept, until the next call.
  void borrow(SocketsById sockets) { borrowed_ = std::move(sockets); }
  /// With those that are about to close, for change().
  SocketsById take_kept();
  /// It does not stand by any more.
  void let_go_of_kept();

  /// Refuses new connections on what is left; true when there is something left. What was lent goes back.
  bool refuse_new_connections();
  /// Nobody is to keep what is left.
  void forget();

 private:
  /// A listener that is gone from the configuration, and whose last clients are still coming in.
  struct Leaving {
    std::string id;
    std::shared_ptr<ListenerSockets> listener;
    Deadline half_open_over;
  };

  void spread();
  void widen_for_workers(ListenerSockets& listener) const;
  void deal(const std::string& id, const std::shared_ptr<ListenerSockets>& listener);
  bool take_back(const std::string& id);
  void retire(const std::string& id, const std::shared_ptr<ListenerSockets>& listener);
  void close(Leaving& leaving);
  void stop_listening(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                      proxy::Service::Queue queue);
  void leave_to_other(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                      Server::Clients clients);

  void keep(const std::string& id, ListenerSockets& listener) const;

  net::Loop& loop_;
  Log& log_;
  Workers& workers_;
  const net::ServiceManager* manager_ = nullptr;
  bool accepts_ = true;
  SocketsById sockets_;
  SocketsById aside_;     // lent, or stood by, and of no listener now
  SocketsById borrowed_;  // of the other process, in case that it gives all back
  SocketsById kept_;      // while this process stands by
  std::map<const net::ListeningSocket*, unsigned> accepted_by_;  // which worker
  std::vector<std::unique_ptr<Leaving>> leaving_;
};

}  // namespace sluice::lifecycle
