// A connection to a backend, whatever its protocol, as its owner sees it. All others see its streams.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/transport.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::wire {

class ClientConnection;

/// Owns connections. Each call may destroy the connection.
class ClientConnectionOwner {
 public:
  /// The stream is not used any more, in the middle of its exchange.
  virtual void on_stream_dropped(ClientStream& stream) = 0;
  /// No stream is open on it, and the backend has closed it, or broken a rule.
  virtual void on_connection_gone(ClientConnection& connection) = 0;

 protected:
  ~ClientConnectionOwner() = default;
};

/// Carries exchanges, each on a stream of its own: one after the other, or several at a time. Its streams
/// live as long as the connection, at most.
class ClientConnection {
 public:
  /// Whose requests it may carry.
  enum class Serves : uint8_t { anyone, one_client, login };

  ClientConnection() = default;
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  virtual ~ClientConnection() = default;

  /// Bytes before anything else on a connection that has not been used: a PROXY protocol header.
  virtual void send_preface(std::string_view bytes) = 0;
  /// Another stream can be opened now.
  virtual bool has_room() const = 0;
  /// For one exchange. Only while there is room.
  virtual ClientStream& open_stream() = 0;
  /// Instead of that, the only stream: a tunnel of another owner's. `read` has come from the backend and is
  /// not passed on.
  virtual Result<ClientStream*> resume_tunnel(std::string /*read*/) { return cannot_be_left(); }
  /// Closes a stream whose response has been read whole. False when the connection is of no more use, since
  /// the exchange did not end in order, or the backend is about to close.
  virtual bool finish_stream(ClientStream& stream) = 0;
  /// Closes a stream in the middle of its exchange. False when the connection is of no more use.
  virtual bool reset_stream(ClientStream& stream) = 0;
  /// Streams are open.
  virtual bool is_busy() const = 0;
  /// Asks the kernel whether the backend has closed it, or said something unasked (see Transport::is_stale).
  virtual bool is_stale() const = 0;

  // What its owner notes of it.

  /// Before anything else.
  void set_owner(ClientConnectionOwner& owner) { owner_ = &owner; }
  ClientConnectionOwner& owner() const { return *owner_; }
  /// It has been taken for another request than its first.
  bool is_reused() const { return is_reused_; }
  void note_reuse() { is_reused_ = true; }
  Serves serves() const { return serves_; }
  void bind_to(Serves client) { serves_ = client; }

 protected:
  bool has_owner() const { return owner_ != nullptr; }

 private:
  ClientConnectionOwner* owner_ = nullptr;
  bool is_reused_ = false;
  Serves serves_ = Serves::anyone;
};

/// Makes connections of one protocol.
using ClientCodec = std::function<std::unique_ptr<ClientConnection>(std::unique_ptr<net::Transport>)>;

}  // namespace sluice::wire
