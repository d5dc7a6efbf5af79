// One simulated run: some exchanges, some backends, and everything that can go wrong, in an order that a seed
// says.
#pragma once

#include <sluice/base/clock.h>

#include <map>
#include <string>
#include <utility>

#include "world.h"

namespace sluice::simulation {

class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Plays the run to its end and CHECKs what must hold.
  void play();

  Random& random() { return random_; }
  void add(SimulatedConnection& connection) { connections_.push_back(&connection); }
  void remove(SimulatedConnection& connection);
  void request_began(size_t backend, const http::RequestHead& head);
  /// The backend has done nothing of it.
  void request_given_back(const std::string& target) { --begins_[target]; }
  bool gives_back() const { return partial_post_; }
  static const std::string& request_body();
  static const std::string& response_body();

 private:
  class Dialer;
  struct Dialling {
    size_t backend;
    Pending<Result<std::unique_ptr<wire::ClientStream>>> pending;
  };

  void publish();
  void end_oldest_generation();
  void start_client();
  void step();
  void step_dialling();
  void step_connection();
  void change_health();
  void change_other_workers();
  void give_room();
  void judge();
  void look_at_barriers();
  void settle();
  void check() const;

  static constexpr unsigned kWorkers = 1;
  static constexpr size_t kBackends = 3;

  Random random_;
  HeldClock clock_;
  Deadlines deadlines_{clock_};
  observe::WorkerCounters counters_;
  observe::AccessLog access_;
  std::unique_ptr<Dialer> dialer_;
  proxy::ExchangeContext context_;
  FreeList<proxy::ActiveStream> exchanges_;
  std::vector<SimulatedConnection*> connections_;
  std::vector<std::unique_ptr<Dialling>> diallings_;
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
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  std::map<std::string, unsigned> begins_;  // by target, which is each request's own
  uint64_t newest_ = 0;
  size_t to_come_ = 0;
  bool partial_post_;    // backends may give requests back
  bool non_idempotent_;  // all requests may be sent again
  bool quiet_ = false;   // nothing goes wrong any more
};

}  // namespace sluice::simulation
