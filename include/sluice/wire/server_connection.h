// A client's connection, whatever protocol it speaks: what its owner sees of it, and what the owner gets.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/transport.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::wire {

/// A connection on which no request is being answered, as one owner leaves it to the next, which may be
/// another process. One that has just been accepted has only a client.
struct BetweenRequests {
  Client client{};
  uint64_t requests = 0;        ///< so far
  bool awaits_preface = false;  ///< the PROXY protocol header has not been read: nothing can be asked yet
  std::string bytes{};          ///< what has come and was not used: the beginning of what is next
  bool operator==(const BetweenRequests&) const = default;
};

/// ... with the connection itself.
struct SuspendedConnection {
  BetweenRequests at{};
  net::Descriptor connection{};
};

/// What a connection reports to its owner. Each call may destroy the connection.
class ServerHandler {
 public:
  /// A request's head is complete: the stream is there until its finish() or abort(). The owner sets its
  /// handler within this call.
  virtual void on_request(ServerStream& stream) = 0;
  /// What came was no request: the answer to give, then finish(), within this call. The stream's request()
  /// has what there is of it.
  virtual void on_bad_request(ServerStream& stream, const Error& error) = 0;
  /// As suspend_when_idle() wants it. To be suspended now, or never.
  virtual void on_idle() {}
  /// The connection is over, and no stream is on it: destroy it.
  virtual void on_over() = 0;

 protected:
  ~ServerHandler() = default;
};

/// One of these comes first: start(), refuse() or start_tunnel(). Nothing happens on the connection before.
class ServerConnection {
 public:
  virtual ~ServerConnection() = default;

  /// Serves: what had been read of it at first, which may call the handler, and that may destroy the
  /// connection. The caller's last line.
  virtual void start(ServerHandler& handler) = 0;
  /// Instead of start(): the connection is one too many, and on_bad_request() answers it.
  virtual void refuse(ServerHandler& handler, const Error& error) = 0;
  /// Instead of start(): a tunnel of another owner's goes on with the next start_body() of its stream. `head`
  /// is that of its request, `read` what has come from the client and is not passed on. An error when that is
  /// no head, or when this protocol has no such tunnels.
  virtual Result<ServerStream*> start_tunnel(ServerHandler& handler, std::string_view head,
                                             std::string read) = 0;

  /// Valid as long as the connection.
  virtual const Client& client() const = 0;
  /// That have come on it.
  virtual uint64_t requests() const = 0;
  /// The last answer is given, and the client has not ended the connection yet.
  virtual bool is_lingering() const = 0;

  /// Says with the next response that the connection ends, and ends it after that; or when no request comes
  /// within `quiet`, so that a request already on its way is still answered.
  virtual void retire(Duration quiet) = 0;
  /// Calls on_idle() once, as soon as the answers to the requests that are under way have left; within this
  /// call when there is none. Never when the connection is to end before that, or with such an answer.
  virtual void suspend_when_idle() = 0;
  /// Takes suspend_when_idle() back, and retire(), unless a response has said that the connection ends.
  virtual void stay() = 0;
  /// For the next owner, from on_idle() on. This owner has only to destroy the connection then. After an
  /// error nothing has happened.
  virtual Result<SuspendedConnection> suspend() = 0;
};

/// A client that has connected where a listener has this address, and has said nothing yet.
BetweenRequests accepted(const net::Transport& transport, const Address& local);

struct ServerContext;
/// Makes the connection that speaks with a client, and goes on from there once it is started. Another reader
/// may have been reading from the transport: start() takes it over, refuse() ends that.
using MakeServerConnection = std::function<std::unique_ptr<ServerConnection>(
    std::unique_ptr<net::Transport>, BetweenRequests from, ServerContext&)>;
/// The protocols that there are: HTTP/1.
std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Transport> transport,
                                                         BetweenRequests from, ServerContext& context);

}  // namespace sluice::wire
