// The client's side of HTTP/1: one connection, its requests one after the other.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/free_list.h>
#include <sluice/net/transport.h>
#include <sluice/wire/resting.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wire/client_timeouts.h"
#include "wire/half_closed_client.h"
#include "wire/http1_server_stream.h"

namespace sluice::wire {

/// Reads heads, and gives each to its stream, of which there is one at a time. What comes behind it is kept,
/// up to a bound, until the stream takes it as its body or is over.
class Http1ServerConnection final : public ServerConnection,
                                    private net::Reader,
                                    private Resting,
                                    private ClientTimeouts::Handler {
 public:
  /// Goes on from `from`, once it is started.
  Http1ServerConnection(std::unique_ptr<net::Transport> transport, BetweenRequests from,
                        ServerContext& context);
  ~Http1ServerConnection() override;

  void start(ServerHandler& handler) override;
  void refuse(ServerHandler& handler, const Error& error) override;
  Result<ServerStream*> start_tunnel(ServerHandler& handler, std::string_view head,
                                     std::string read) override;
  const Client& client() const override { return client_; }
  uint64_t requests() const override { return requests_; }
  bool is_lingering() const override { return state_ == State::lingering; }
  void retire(Duration quiet) override;
  void suspend_when_idle() override;
  void stay() override;
  Result<SuspendedConnection> suspend() override;

  // For its stream.

  ServerContext& context() { return context_; }
  net::Transport& transport() { return *transport_; }
  ClientTimeouts& timeouts() { return timeouts_; }
  /// What has come of the stream's body, or of the next request, and is not used yet: first what is being
  /// processed, then what is kept.
  std::string_view unread() const { return unread_; }
  std::string_view buffered() const { return buffered_; }
  void set_unread(std::string_view bytes) { unread_ = bytes; }
  /// Goes on with what is kept, and reads on once that is used. Calls out.
  void process_kept();
  void read_on();
  net::Flow write(std::span<std::string_view> pieces, bool is_final);
  /// The client has ended its direction, and sent no request behind this one.
  bool nothing_follows() const { return ended_ && buffered_.empty() && unread_.empty(); }
  bool has_left();
  /// The connection ends after this answer.
  void end_after_answer() { closing_ = true; }
  bool is_to_end() const { return closing_ || retires_; }
  /// The stream is a tunnel from now on.
  void begin_tunnel();
  /// The stream is over. The answer was given whole ...
  void on_finished(const Http1ServerStream::End& end);
  /// ... or not.
  void on_aborted();

 private:
  enum class State : uint8_t {
    idle,       // between requests
    head,       // within a request's head
    exchange,   // a request is being answered
    lingering,  // the answer is given; what still comes is thrown away, so that the client can read the
                // answer
  };

  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  bool close_if_quiet() override;
  void on_timeout(ClientTimeouts::For what) override;

  size_t read_head(std::string_view bytes);
  void begin_exchange();
  void refuse(const Error& error);
  void keep(std::string_view bytes);
  void process_end();
  void watch_client();
  void lose_client(const Error& error);
  void become_idle();
  void linger();
  void leave() { handler_->on_over(); }

  // What each request touches lies together: a busy worker has thousands of connections.
  std::unique_ptr<net::Transport> transport_;
  ServerContext& context_;
  ServerHandler* handler_ = nullptr;  // once it is started
  State state_ = State::idle;
  bool retires_ = false;
  bool is_awaited_ = false;  // the moment between two requests
  bool ended_ = false;       // the client has closed its direction
  bool closing_ = false;     // whatever its owner says
  bool processing_ = false;
  bool reading_stopped_ = false;
  FreeList<RequestReading>::Item reading_;  // until its head is whole
  std::string_view unread_;                 // of the bytes being processed, what is not used yet
  Alive alive_;
  uint64_t requests_ = 0;
  std::string buffered_;  // read, but not wanted yet: the body's start, or the next request
  Http1ServerStream stream_{*this};
  ClientTimeouts timeouts_{context_, *this};
  std::unique_ptr<HalfClosedClient>
      half_closed_;  // the client has ended its direction, and may wait or have left
  Client client_;
};

}  // namespace sluice::wire
