// One simulated run: some clients, some backends, and everything that can go wrong, in an order that a seed
// says. What is real begins at the transport: both HTTP/1 classes, client connections, exchanges, the pool.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/http1_client.h>

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend.h"
#include "client.h"
#include "dialling.h"
#include "proxy/client_connection.h"
#include "random.h"
#include "traffic.h"

namespace sluice::simulation {

class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Plays the run to its end and CHECKs what must hold.
  void play();

  // For those within it.

  Random& random() { return random_; }
  const Clock& clock() const { return clock_; }
  /// Nothing goes wrong any more.
  bool is_quiet() const { return quiet_; }
  /// Backends may give requests back.
  bool gives_back() const { return partial_post_; }
  /// The request that has this target, which a backend has got.
  Request& request(std::string_view target);
  /// A backend has its head. `is_awaited`: Sluice has not dropped that attempt.
  void request_began(size_t backend, const Request& request, bool is_awaited) const;
  bool may_come_again(const Request& request) const { return non_idempotent_ || request.has_key; }
  Answer& add_answer(const Answer& answer) { return answers_.emplace_back(answer); }
  Answer& answer(size_t index) { return answers_.at(index); }
  size_t answers() const { return answers_.size(); }

  // Where what is sent in tunnels begins in the pattern.
  static constexpr size_t kTunnelUp = 60'000;
  static constexpr size_t kTunnelDown = 64'000;

 private:
  struct Client {
    Client(World& world, std::vector<Request*> requests) : simulated(world, std::move(requests)) {}
    SimulatedClient simulated;
    proxy::ClientConnection* connection = nullptr;  // while the link is not closed
  };

  std::shared_ptr<config::Pool> choose_settings();
  void publish();
  void end_oldest_generation();
  void start_client();
  void step();
  void step_dialling();
  void step_backend();
  void change_health();
  void change_other_workers();
  void change_generations();
  void change_clients();
  void give_room();
  void judge();
  void look_at_barriers();
  void settle();
  void close_all();
  bool is_settled() const;
  void check() const;

  static constexpr unsigned kWorkers = 1;
  static constexpr size_t kBackends = 3;

  Random random_;
  HeldClock clock_;
  Deadlines deadlines_{clock_};
  observe::WorkerCounters counters_;
  observe::AccessLog access_;
  std::string out_;
  Diallings diallings_;
  upstream::Connector connector_;
  proxy::ExchangeContext context_;
  FreeList<proxy::ActiveStream> active_streams_;
  wire::ServerContext wire_;
  proxy::ClientContext client_context_;
  std::deque<Request> requests_;
  std::deque<Answer> answers_;
  std::vector<std::unique_ptr<SimulatedBackend>> connections_;  // to backends
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::shared_ptr<upstream::BackendState>> states_;
  std::vector<std::shared_ptr<upstream::Backend>> backends_;
  std::vector<uint32_t> bounds_;  // requests at a time; 0: none
  std::vector<std::shared_ptr<upstream::BackendState>> with_room_;
  std::vector<std::pair<size_t, upstream::Evidence::Kind>> evidence_;  // by backend
  std::vector<bool> drained_;
  std::vector<bool> barrier_;  // drained, and seen with nothing in flight
  std::shared_ptr<upstream::QueueCount> waiting_ = std::make_shared<upstream::QueueCount>();
  size_t waiting_elsewhere_ = 0;  // at other workers
  std::shared_ptr<upstream::Pool> pool_;
  std::list<proxy::LocalGeneration> generations_;
  uint64_t newest_ = 0;
  size_t to_come_ = 0;   // clients
  size_t over_ = 0;      // of Sluice's ends of their connections
  bool partial_post_;    // backends may give requests back
  bool non_idempotent_;  // all requests may be sent again
  bool quiet_ = false;
};

}  // namespace sluice::simulation
