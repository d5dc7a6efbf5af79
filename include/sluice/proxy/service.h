// Everything that one worker does: accepts clients on its listeners and serves them by the newest generation.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/counters.h>
#include <sluice/proxy/client_counts.h>
#include <sluice/proxy/generation.h>
#include <sluice/upstream/backend.h>

#include <functional>
#include <memory>
#include <string>

namespace sluice::proxy {

/// What a service is given, and tells to control. The callbacks run on the worker's thread.
struct ServiceSettings {
  unsigned worker = 0;
  unsigned workers = 1;
  observe::WorkerCounters& counters;
  ClientCounts& client_counts;  ///< shared by all workers
  std::function<void(const std::shared_ptr<upstream::BackendState>&)> on_trouble;
  std::function<void(uint64_t generation)> on_generation_drained;
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
  /// before drains, and is dropped when its last request ends.
  void adopt(std::shared_ptr<Generation> next);

  /// Accepts on `socket`, which stays its owner's, until stop_listening(). `id` is the listener's address; it
  /// may have several sockets.
  void listen(const std::string& id, const net::ListeningSocket& socket);
  /// What the kernel has completed by then: ours to accept, or left to another process that has the socket,
  /// too.
  enum class Queue { accept, leave };
  /// Stops. Connections accepted there end after their next response, or when they have been quiet for a
  /// while.
  void stop_listening(const std::string& id, Queue queue = Queue::accept);

  /// Where requests that end from now on are logged; null for nowhere.
  void log_access_to(std::shared_ptr<observe::AccessSink> sink);

  /// A probe has looked at the backend, or its state has changed.
  void backend_checked(const std::shared_ptr<upstream::BackendState>& state);

  /// The backend has room again, and it is this worker's turn.
  void backend_has_room(const std::shared_ptr<upstream::BackendState>& state);

  /// Stops listening everywhere, lets what is in flight end, and runs `on_empty` when no connection is left.
  void drain(std::function<void()> on_empty);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::proxy
