// One client's request among backends that do what a test says, step by step, on a held clock. As in the
// seeded runs, what is real begins at the transport.
#pragma once

#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/upstream/pool.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dialling.h"
#include "link.h"
#include "message_reader.h"
#include "proxy/client_connection.h"
#include "random.h"

namespace sluice::simulation {

/// A client that takes the answer to one request.
class ScriptedClient {
 public:
  ScriptedClient(Random& random, const Clock& clock);

  /// It has sent more than Sluice reads ahead, and its connection breaks.
  void leave_unheard();

  int status = 0;  ///< 0: no answer yet
  bool is_over() const { return link.is_closed(); }

 private:
  friend class Script;
  void receive();

  Link link;
  MessageReader reader_{MessageReader::Of::response};
};

/// Backends 0, 1, 2 ..., each asked in its turn, all healthy at first. The settings' own backends do not
/// count.
class Script {
 public:
  Script(size_t backends, config::Pool settings);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  /// A client's request begins. Once.
  ScriptedClient& ask(const std::string& request);
  void pass(Duration time);
  /// What a probe has found; those who wait hear of it.
  void probed(size_t backend, upstream::HealthState health);

  /// Backends that are being connected to, as digits in the order it began.
  std::string dialling() const;
  /// Backends that have the request and have not answered, as digits.
  std::string asked() const;
  /// The connect under way to this backend succeeds, or not.
  void accept(size_t backend);
  void refuse(size_t backend);
  /// One that has the request answers with 204, or breaks off.
  void answer(size_t backend);
  void break_off(size_t backend);

  uint64_t retries() const { return counters_.retries.get(); }
  /// As `counters` has it.
  uint64_t retried() const;

 private:
  struct Connection;
  void dialled(size_t backend, Result<std::unique_ptr<net::Transport>> transport);
  Connection& connection_of(size_t backend);
  void settle();

  Random random_{1};
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
  entrance::ClientCounts counts_;
  proxy::ClientContext client_context_;
  std::unique_ptr<ScriptedClient> client_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<upstream::BackendState>> states_;
  std::vector<std::shared_ptr<upstream::Backend>> backends_;
  std::shared_ptr<upstream::Pool> pool_;
  proxy::LocalGeneration generation_;
  proxy::ClientConnection* connection_ = nullptr;  // until the client is over
};

}  // namespace sluice::simulation
