// Everything that one worker does: accepts clients on its listeners and serves them by the newest generation.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/account.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/client_counts.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/holder.h>
#include <sluice/proxy/moved_connection.h>
#include <sluice/proxy/recent_requests.h>
#include <sluice/upstream/backend.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// What a service is given, and tells to control. The callbacks run on the worker's thread.
struct ServiceSettings {
  unsigned worker = 0;  ///< its number; no two live ones have the same
  observe::WorkerCounters& counters;
  ClientCounts& client_counts;          ///< shared by all workers
  upstream::QueueCounts& queue_counts;  ///< likewise
  std::function<void(const std::shared_ptr<upstream::BackendState>&)> on_trouble;
  std::function<void(uint64_t generation)> on_generation_drained;
  std::shared_ptr<observe::AccessSink> access_log{};  ///< see log_access_to()
  std::function<void(MovedConnection)> on_moved;
  /// What is seen of a backend that control has to judge.
  upstream::Backend::OnEvidence on_evidence{};
  /// A backend has room again that another worker's requests wait for.
  std::function<void(const std::shared_ptr<upstream::BackendState>&, unsigned worker)> on_room{};
};

/// One worker's; on its thread alone. Destroying it drops every connection.
class Service {
 public:
  Service(net::Loop& loop, ServiceSettings settings);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Takes `next` as the newest generation: requests whose head is complete from now on are its own. The one
  /// before drains, and is dropped when its last request ends, or the drain timeout of `next` is over: see
  /// end_drain().
  void adopt(std::shared_ptr<Generation> next);
  /// Of each generation that is here, with at most `most` holders.
  std::vector<GenerationUse> generations(size_t most) const;

  /// Requests that have ended.
  const RecentRequests& recent() const;
  /// One that has not, by its id.
  std::optional<Holder> running(std::string_view request_id) const;

  /// Accepts on `socket`, which stays its owner's, until stop_listening(). `id` is the listener's address; it
  /// may have several sockets.
  void listen(const std::string& id, const net::ListeningSocket& socket);
  /// Another worker accepts there from now on; the connections accepted here go on. Nothing of the queue is
  /// lost.
  void stop_accepting(const std::string& id, const net::ListeningSocket& socket);
  /// What the kernel has completed by then: ours to accept, or left to another process that has the socket,
  /// too.
  enum class Queue { accept, leave };
  /// Stops. Connections accepted there end after their next response, or when they have been quiet for a
  /// while.
  void stop_listening(const std::string& id, Queue queue = Queue::accept);

  /// Stops at once, and leaves what the kernel has completed. Each connection accepted there goes to
  /// on_moved(), as soon as no request is being answered on it.
  void hand_over(const std::string& id);
  /// The same with all listeners: another worker goes on with what this one has.
  void hand_over_all();
  /// Goes on with a connection of another owner's, as with one accepted on its listener.
  void take(MovedConnection connection);
  /// The same, but it is to end after its next response, or when it has been quiet for a while.
  void finish(MovedConnection connection);
  /// Nobody takes connections any more: those that were to move end in that way, too.
  void finish_moving();

  /// Takes hand_over() back: connections that have not gone stay, as accepted on their listeners, which may
  /// come later.
  void stay();

  /// Where requests that end from now on are logged; null for nowhere.
  void log_access_to(std::shared_ptr<observe::AccessSink> sink);

  /// A probe has looked at the backend, or its state has changed.
  void backend_checked(const std::shared_ptr<upstream::BackendState>& state);

  /// Runs the callback once no connection is left; null: forgets the one before.
  void when_empty(std::function<void()> callback);

  /// The backend has room again, and it is this worker's turn.
  void backend_has_room(const std::shared_ptr<upstream::BackendState>& state);

  /// Stops listening everywhere, and lets what is in flight end.
  void drain();
  /// Stops now: nothing is accepted any more, and every connection is dropped, with what is in flight.
  void close_all();

  /// All requests, and how they have ended.
  observe::Account account() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::proxy
