// Everything that one worker does: accepts clients on its listeners and serves them by the newest generation.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/entrance/client_counts.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/network.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/account.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/client_room.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/in_flight_info.h>
#include <sluice/proxy/migrated_connection.h>
#include <sluice/proxy/recent_requests.h>
#include <sluice/upstream/backend.h>
#include <sluice/wire/server_connection.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// What a service is given, and reports to control. The callbacks run on the worker's thread.
struct ServiceSettings {
  unsigned worker = 0;  ///< its number; no two live ones have the same
  observe::WorkerCounters& counters;
  entrance::ClientCounts& client_counts;  ///< shared by all workers
  ClientRoom& client_room;                ///< likewise
  upstream::QueueCounts& queue_counts;    ///< likewise
  std::function<void(const std::shared_ptr<upstream::BackendState>&)> on_trouble;
  std::function<void(uint64_t generation)> on_generation_drained;
  std::shared_ptr<observe::AccessSink> access_log{};  ///< see log_access_to()
  std::function<void(MigratedConnection)> on_moved;
  /// What is seen of a backend that control has to judge.
  upstream::Backend::OnEvidence on_evidence{};
  /// A backend for which another worker's requests wait has room again.
  std::function<void(const std::shared_ptr<upstream::BackendState>&, unsigned worker)> on_room{};
  /// There are as many clients as there may be: called now and then. With the worker, if another one is to
  /// make room.
  std::function<void(std::optional<unsigned> worker)> on_full{};
  /// How clients are spoken with.
  wire::MakeServerConnection make_connection = wire::make_server_connection;
};

/// One worker's; on its thread alone. Destroying it drops every connection.
class Service {
 public:
  Service(net::Network& network, ServiceSettings settings);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Takes `next` as the newest generation: requests whose head is complete from now on are its own. The
  /// generation before drains, and is dropped when its last request ends, or the drain timeout of `next` is
  /// over: see end_drain().
  void adopt(std::shared_ptr<Generation> next);
  /// Of each generation that is here, with at most `most` holders.
  std::vector<GenerationUse> generations(size_t most) const;

  /// What is in flight to any of these backends, with at most `most` holders. A hedged request counts once.
  BackendUse in_flight_to(std::span<const std::shared_ptr<upstream::BackendState>> backends,
                          size_t most) const;

  /// Requests that have ended.
  const RecentRequests& recent() const;
  /// One that has not, by its id.
  std::optional<InFlightInfo> running(std::string_view request_id) const;

  /// Accepts on `socket`, which stays its owner's, until stop_listening(). `id` is the listener's address; it
  /// may have several sockets.
  void listen(const std::string& id, const net::ListeningSocket& socket);
  /// Another worker accepts there from now on; the connections accepted here go on. Nothing of the queue is
  /// lost.
  void stop_accepting(const std::string& id, const net::ListeningSocket& socket);
  /// Connections that the kernel has completed by then: accepted here, or left to another process that has
  /// the socket, too.
  enum class Queue { accept, leave };
  /// Stops. Connections accepted there end after their next response, or when they have been quiet for a
  /// while.
  void stop_listening(const std::string& id, Queue queue = Queue::accept);

  /// Stops at once, and leaves what the kernel has completed. Each connection accepted there goes to
  /// on_moved(), as soon as no request is being answered on it.
  void migrate(const std::string& id);
  /// The same with all listeners: another worker goes on with what this one has.
  void migrate_all();
  /// Goes on with a connection of another owner's as if it had been accepted here, on its listener.
  void adopt(MigratedConnection connection);
  /// The same, but it is to end after its next response, or when it has been quiet for a while, unless
  /// cancel_migration() comes first.
  void adopt_to_close(MigratedConnection connection);
  /// No other owner takes connections any more: those that were to move end in that way, too.
  void stop_migrating();
  /// No other process serves: the connections that have stayed end with their next response, or soon when
  /// idle.
  void retire_left();

  /// Takes migrate() back: connections that have not gone stay, as accepted on their listeners, which may
  /// come later.
  void cancel_migration();

  /// Where requests that end from now on are logged; null for nowhere.
  void log_access_to(std::shared_ptr<observe::AccessSink> sink);

  /// A probe has looked at the backend, or its state has changed.
  void backend_checked(const std::shared_ptr<upstream::BackendState>& state);

  /// Runs the callback when no connection is left, at most once; null removes it.
  void when_empty(std::function<void()> callback);

  /// The backend has room again, and it is this worker's turn.
  void backend_has_room(const std::shared_ptr<upstream::BackendState>& state);

  /// Closes the connection that has rested the longest, if there are too many.
  void make_room();

  /// Stops listening everywhere, and lets what is in flight end.
  void drain();
  /// Stops: nothing is accepted any more, requests that have no answer yet get one that says so, and
  /// responses that have begun are cut. What is left then are connections whose clients have not read the
  /// answer yet.
  void answer_all();
  /// Stops now: nothing is accepted any more, and every connection is dropped, with what is in flight.
  void close_all();

  /// All requests, and how they have ended.
  observe::Account account() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::proxy
