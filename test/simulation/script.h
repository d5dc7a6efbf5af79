// One exchange among backends that do what a test says, step by step, on a held clock.
#pragma once

#include <sluice/proxy/active_stream.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/upstream/pool.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace sluice::simulation {

void parse_request(http::RequestHead& head, const std::string& text);

/// A client that takes the answer to one request.
class ScriptedClient final : public wire::ServerStream {
 public:
  explicit ScriptedClient(const std::string& request) { parse_request(head_, request); }

  const http::RequestHead& request() const override { return head_; }
  const wire::Client& client() const override { return client_; }
  void send_interim(const http::ResponseHead&, const http::FieldEdits*) override {}
  void send_continue() override {}
  wire::Flow send_head(const http::ResponseHead& head, const http::FieldEdits*, wire::Follows) override {
    status = head.status;
    return wire::Flow::open;
  }
  wire::OwnSent send_own(const http::OwnResponse& response) override {
    status = response.status;
    return {};
  }
  wire::Flow switch_protocols(const http::ResponseHead&, const http::FieldEdits*) override {
    return wire::Flow::open;
  }
  bool has_left() override { return left_unheard; }
  bool is_committed() const override { return status != 0; }
  void discard_head() override {}
  void finish() override { is_over = true; }
  void abort() override { is_over = true; }
  void start_body(wire::BodyReceiver&) override {}
  void pause_body() override {}
  void resume_body() override {}
  void stop_body() override {}
  bool has_buffered_body() const override { return false; }
  std::string_view trailers() const override { return {}; }
  using BodySink::write_body;
  wire::Flow write_body(wire::Slices) override { return wire::Flow::open; }
  wire::Flow end_body(std::string_view) override { return wire::Flow::open; }
  Wait when_writable(std::function<void(Result<void>)>) override { return {}; }

  int status = 0;  ///< 0: no answer yet
  bool is_over = false;
  bool left_unheard = false;

 private:
  wire::Client client_{.address = {}, .local = {}, .ip = "192.0.2.1"};
  http::RequestHead head_;
};

/// Backends 0, 1, 2 ..., each asked in its turn, all healthy at first. The settings' own backends do not
/// count.
class Script {
 public:
  Script(size_t backends, config::Pool settings);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  /// A client's request begins. One at a time.
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
  class Connection;
  class Dialer;
  struct Dialling {
    size_t backend;
    Pending<Result<std::unique_ptr<wire::ClientStream>>> pending{};
  };
  void dialled(size_t backend, Result<std::unique_ptr<wire::ClientStream>> connection);
  Connection& connection_of(size_t backend);

  HeldClock clock_;
  Deadlines deadlines_{clock_};
  observe::WorkerCounters counters_;
  observe::AccessLog access_;
  std::unique_ptr<Dialer> dialer_;
  proxy::ExchangeContext context_;
  FreeList<proxy::ActiveStream> exchanges_;
  std::vector<Connection*> connections_;
  std::list<std::unique_ptr<Dialling>> diallings_;
  std::vector<std::shared_ptr<upstream::BackendState>> states_;
  std::vector<std::shared_ptr<upstream::Backend>> backends_;
  std::shared_ptr<upstream::Pool> pool_;
  proxy::LocalGeneration generation_;
  std::unique_ptr<ScriptedClient> client_;
  FreeList<proxy::ActiveStream>::Item exchange_;
};

}  // namespace sluice::simulation
