// Which worker accepts on which socket, and how listeners come, go, and change hands while clients connect.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/listeners/leaving.h>
#include <sluice/listeners/listener_sockets.h>
#include <sluice/workers/workers.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sluice::listeners {

/// Once new connection attempts are refused, half-open ones have this long to complete and be accepted.
inline constexpr Duration kHalfOpen{100};
/// By then a successor listens on the addresses that it opens itself: until then this process still serves
/// their clients.
inline constexpr Duration kSuccession{500};

/// Control's.
class Listeners {
 public:
  /// Whether another socket may get the clients of an address that goes, from now on.
  enum class Addresses { keep, release };

  Listeners(Executor& executor, Log& log, workers::Workers& workers)
      : executor_(executor), log_(log), workers_(workers) {}

  /// The manager, which outlives this, keeps the sockets for the next process: even a crash loses none.
  void keep_with(const net::ServiceManager& manager) { manager_ = &manager; }

  const SocketsById& sockets() const { return sockets_; }
  /// Also those that are about to close or are set aside: change() may be given these as well. Not Unix
  /// sockets that are about to close: they have no file any more.
  SocketsById open_sockets() const;
  /// Those that the next process needs: ours, and what is set aside.
  SocketsById sockets_to_pass() const;
  /// Keeps the lent sockets that the configuration does not name. They are the service manager's and are left
  /// to it; a later configuration may name them, and they could not be opened anew.
  void reserve(const SocketsById& given);
  /// The sockets of this process, and those of others that it knows by add_foreign(): addresses may overlap
  /// theirs.
  net::SocketIds ours() const;
  void add_foreign(const net::SocketIds& of_another) {
    of_another_.insert(of_another.begin(), of_another.end());
  }
  /// Of a listener that is there; with the port that the kernel picked.
  const Address* address(const std::string& id) const;

  /// Exactly these from now on, and exactly the workers that accept now: each gets its share of the sockets,
  /// those of others included. Clients of a listener that is gone are accepted to the last.
  void change(SocketsById next);

  /// Nothing is accepted before own(): a process that another may still refuse must have no client to lose.
  void wait_for_word() { accepts_ = false; }
  std::set<std::string> shared() const;
  /// Those that this process shares with another are its own now. Alone::no: that process is on standby with
  /// copies, so that no socket is closed but for all that are, and none is added beside them.
  void own(Alone alone);
  void be_alone();
  /// Stops accepting on these at once. Their queues are left to the process that also has them; their clients
  /// end here, or move.
  void hand_over(const std::set<std::string>& ids, Clients clients);
  void hand_back() { hand_over(shared(), Clients::finish); }
  /// The same, but keeps their sockets; the others are gone, as with change().
  void suspend(const std::set<std::string>& ids, Clients clients);
  std::set<std::string> suspended() const;
  /// Suspended sockets that clients cannot reach any more are not kept.
  void drop_unreachable();
  /// Sockets of the other process, of listeners that this one keeps none of: they count as suspended until
  /// the next call.
  void borrow(SocketsById sockets) { borrowed_ = std::move(sockets); }
  /// With those that are about to close, for change().
  SocketsById take_suspended();
  /// This process is not on standby any more.
  void release_suspended();

  /// Refuses new connections on what is left; true when there is something left. What was lent goes back.
  bool refuse_new_connections();
  /// Instead: leaves what is left to the process that goes on; then yield_all(), after kSuccession.
  bool leave_addresses();
  void yield_all();
  /// Closes what is left as soon as its queue is empty.
  void close_all();
  /// The manager is not to keep what is left.
  void forget();

 private:
  /// A listener that is gone from the configuration, and whose last clients are still coming in.
  struct Leaving {
    std::string id;
    std::shared_ptr<ListenerSockets> listener;
    Deadline half_open_over;
    bool refuses = false;  // or has yielded, as far as the kernel allows
  };

  static bool has_yielded(const ListenerSockets& listener);
  void make_way(const SocketsById& next);
  void change(SocketsById next, Addresses of_those_that_go);
  void distribute();
  void widen_for_workers(ListenerSockets& listener) const;
  void listen_on(ListenerSockets& listener) const;
  void assign(const std::string& id, const std::shared_ptr<ListenerSockets>& listener);
  bool reopen(const std::string& id);
  void retire(const std::string& id, const std::shared_ptr<ListenerSockets>& listener, Addresses addresses);
  void close(Leaving& leaving);
  void stop_listening(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                      proxy::Service::Queue queue);
  void leave_to_other(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                      Clients clients);

  void keep(const std::string& id, ListenerSockets& listener) const;

  Executor& executor_;
  Log& log_;
  workers::Workers& workers_;
  const net::ServiceManager* manager_ = nullptr;
  bool accepts_ = true;
  SocketsById sockets_;
  SocketsById aside_;      // lent, or stood by, and of no listener now
  SocketsById borrowed_;   // of the other process, in case it gives all back
  SocketsById suspended_;  // while this process is on standby
  net::SocketIds of_another_;
  std::map<const net::ListeningSocket*, unsigned> accepted_by_;  // which worker
  std::vector<std::unique_ptr<Leaving>> leaving_;
};

}  // namespace sluice::listeners
