// How long a client may take, whatever protocol it speaks.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/net/transport.h>
#include <sluice/wire/server_context.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace sluice::wire {

/// One connection's: a deadline for what is to come from the client, and one for what the client is to take.
/// How long each is comes from the settings of the moment. One thread's.
class ClientTimeouts {
 public:
  /// What the client has time for.
  enum class For : uint8_t {
    request,  // to begin the next one
    head,     // to send the whole head
    body,     // to send more of the body
    write,    // to take what has been written
    linger,   // to read the last answer, and to close
  };

  class Handler {
   public:
    /// The time is over, and the client has not done it. May destroy the connection.
    virtual void on_timeout(For what) = 0;

   protected:
    ~Handler() = default;
  };

  /// Both outlive it.
  ClientTimeouts(ServerContext& context, Handler& handler)
      : context_(context), handler_(handler), reading_([this] { handler_.on_timeout(for_); }) {}

  // Each replaces the deadline before it, and stop() does so with none.

  void await_request() { arm(For::request, ends_soon() ? quiet_ : settings().idle_timeout); }
  void await_head() { arm(For::head, settings().head_timeout); }
  void await_body();
  /// For the client to take the last answer, which `transport` still keeps. `on_sent` as when_writable() has
  /// it, and await_close() is next.
  void await_last_write(net::Transport& transport, std::function<void(Result<void>)> on_sent);
  void await_close() { arm(For::linger, settings().linger_timeout); }
  /// What the client has sent may be here, though not yet read: it has a moment more.
  void look_again();
  void stop() { reading_.disarm(); }

  /// From now on the time for a next request is `quiet`; zero means that there is none. Applies at once while
  /// a request is awaited.
  void retire(Duration quiet, bool request_is_awaited);
  /// Takes that back.
  void stay(bool request_is_awaited);
  /// retire() has left time for another request.
  bool ends_soon() const { return quiet_ != Duration::zero(); }

  void begin_body() { body_wanted_for_ = {}; }
  /// Of a body of which `read` bytes have come, with the last ones now. Counts only the time that the client
  /// kept us waiting, not the backend's.
  bool is_body_too_slow(uint64_t read);

  /// As BodySink's, for `transport`, within write_timeout.
  [[nodiscard]] Wait when_writable(net::Transport& transport, std::function<void(Result<void>)> callback);

 private:
  /// A client that takes less than is written. Most never do: made when it is first needed.
  struct Writing {
    explicit Writing(std::function<void()> on_expiry) : deadline(std::move(on_expiry)) {}
    Wait drained;
    Deadline deadline;
    Pending<Result<void>> writable{[this] {
      deadline.disarm();
      drained.cancel();
    }};
  };

  const ServerSettings& settings() const { return context_.settings; }
  void arm(For what, Duration after) {
    for_ = what;
    context_.deadlines.arm(reading_, after);
  }
  Writing& writing();
  void on_drained(Result<void> how);

  ServerContext& context_;
  Handler& handler_;
  Deadline reading_;
  For for_ = For::request;
  Duration body_wanted_for_{};  // how long this body has kept us waiting
  TimePoint body_wanted_since_;
  Duration quiet_{};
  std::unique_ptr<Writing> writing_;
};

}  // namespace sluice::wire
