// One connection to the demo application: requests in, responses out, one after the other.
#pragma once

#include <sluice/base/executor.h>
#include <sluice/demo/demo_app.h>
#include <sluice/net/transport.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "demo/answer.h"
#include "demo/request_reader.h"
#include "demo/response.h"

namespace sluice::demo {

class Client;

/// What all connections of one application share; outlives them.
struct Shared {
  enum class Phase : uint8_t {
    serving,
    lingering,  ///< still accepts and serves, but every response is its connection's last
    stopped,    ///< accepts nothing any more; what is in flight is finished
  };
  Executor& executor;
  DemoAppOptions options;
  std::function<void(Client&)> on_over{};  ///< destroys the client
  FILE* log = nullptr;                     ///< borrowed
  Ping ping = Ping::ok;
  Phase phase = Phase::serving;
};

/// Everything that happens to it sets the step, and then calls run(), which alone takes steps and alone calls
/// out. Steps never call each other, so a thousand requests in one read are a loop.
class Client final : private net::Reader {
 public:
  Client(std::unique_ptr<net::Transport> transport, Shared& shared);

  /// The application has stopped. True when nothing is lost by destroying this now; else it ends by itself.
  bool stop();

 private:
  enum class Step : uint8_t {
    reading,   // a request, or waiting for one
    delaying,  // the next part of the response is not due yet
    sending,   // the response
    hanging,   // no response will come
    closing,   // the last word is said and sent; waits for the peer to close
    over,      // to be destroyed
  };

  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  void on_taken(const Result<void>& how);
  void on_deadline();

  void run();
  bool advance();
  bool read_on();
  bool send_on();
  void begin_answer(Answer answer);
  void begin_response();
  void end_response();
  void refuse(const Error& error);
  void invite_body();

  void write(std::string_view bytes);
  void wait_until_taken();
  void watch_progress();
  void pause(Duration duration);
  void break_off();
  void bound_reading();
  void pause_or_resume_reading();
  bool has_nothing_to_come() const;
  void note_request() const;

  std::unique_ptr<net::Transport> transport_;
  Shared& shared_;
  RequestReader requests_;
  Answer answer_;                     // to the request at hand, until its response begins
  std::optional<Response> response_;  // under way
  Wait taken_;                        // for the peer to take what was written
  size_t kept_bytes_ = 0;             // when the deadline for that was armed
  Deadline deadline_;                 // of the step at hand: see on_deadline()
  Step step_ = Step::reading;
  bool has_asked_ = false;       // at least one request has come
  bool is_refused_ = false;      // what the client sent cannot be read any further
  bool is_paused_ = false;       // enough has come for now
  bool peer_has_ended_ = false;  // the client has said all it will
};

}  // namespace sluice::demo
