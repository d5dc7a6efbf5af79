// One exchange's two sides, blind to the protocol's version: HTTP/1 today, HTTP/2 the day it comes.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/http/forwarding.h>
#include <sluice/http/head.h>
#include <sluice/net/descriptor.h>
#include <sluice/wire/body.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::wire {

/// Whether body bytes are at hand to leave in the same write as the head.
enum class Follows { nothing_yet, body_at_once };

/// The client at the other end of a connection.
struct Client {
  Address address{};  ///< the peer's, or what its PROXY protocol header said
  Address local{};    ///< where it came to, as far as it is known
  std::string ip{};   ///< the address's IP as text, made once for all requests
  bool operator==(const Client&) const = default;
};

/// What became of a response of our own.
struct ReplySent {
  Flow flow = Flow::open;
  size_t content_size = 0;  ///< bytes of content: 0 in the answer to HEAD, in a 204 and in a 304
};

/// One end of a tunnel, as one owner leaves it to the next, which may be another process.
struct TunnelEnd {
  net::Descriptor connection{};
  std::string read{};    ///< from it, and not passed on
  std::string unsent{};  ///< passed on to it, and not sent
};

inline Error cannot_be_left() {
  return {.code = ErrorCode::unsupported, .message = "this tunnel cannot be left to another owner"};
}

/// Why an exchange ends whose client has gone.
inline Error client_left() {
  return {
      .code = ErrorCode::closed, .message = "the client closed the connection", .origin = Origin::downstream};
}

/// What the client has done wrong, with the status that says so; 0: none can.
inline Error client_error(ErrorCode code, std::string message, int status) {
  return {.code = code, .message = std::move(message), .origin = Origin::downstream, .status = status};
}

/// What the client's side of an exchange reports to its owner.
class StreamHandler {
 public:
  /// The client broke off in the middle of the exchange, or was too slow (the error's code timed_out): it
  /// gets no answer any more, and abort() follows. May destroy the stream.
  virtual void on_client_gone(const Error& error) = 0;

 protected:
  ~StreamHandler() = default;
};

/// Where the client is: its request comes out, our response goes in. Lent to the exchange for one request.
class ServerStream : public BodySource, public BodySink {
 public:
  /// Until finish() or abort(), the stream's owner. Without one a stream whose client is gone aborts itself.
  virtual void set_handler(StreamHandler& handler) = 0;
  /// Whole; valid until finish() or abort().
  virtual const http::RequestHead& request() const = 0;
  /// Valid as long as the stream.
  virtual const Client& client() const = 0;

  /// A 1xx of the backend's, without the fields that the edits (may be null) remove; dropped for an HTTP/1.0
  /// client (RFC 9110 15.2).
  virtual void send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) = 0;
  /// A 100 of our own, when the client waits for one.
  virtual void send_continue() = 0;
  /// Starts the response; `head.framing` says how its body comes, the stream chooses how it goes on. `edits`
  /// may be null.
  virtual Flow send_head(const http::ResponseHead& head, const http::FieldEdits* edits, Follows follows) = 0;
  /// A whole response of our own. One of an error ends the connection when its request was not read whole.
  virtual ReplySent send_reply(const http::LocalResponse& response) = 0;
  /// Answers the request's Upgrade with the backend's 101: from now on the body, both ways, is the bytes of
  /// the connection. Ending the body ends one direction alone; the connection ends with finish().
  virtual Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) = 0;
  /// For the tunnel's next owner: this owner has only to destroy the stream then. An error when that cannot
  /// be, and the tunnel goes on here.
  virtual Result<TunnelEnd> suspend_tunnel() { return cannot_be_left(); }
  /// The client has gone, and no callback has said so yet. Asks the kernel, but only about a client that has
  /// ended its direction, or is not read from for now.
  virtual bool has_left() { return false; }
  /// A byte of the (final) response may have reached the client: there is no other answer any more.
  virtual bool is_committed() const = 0;
  /// Drops a head that was given but not committed, so that another answer can be given.
  virtual void discard_head() = 0;

  /// The answer has been given whole: on to the connection's next request, or to its end. May destroy the
  /// stream.
  virtual void finish() = 0;
  /// The answer cannot be given whole: breaks the connection so that the client sees it. May destroy the
  /// stream.
  virtual void abort() = 0;
};

class ClientConnection;

/// Where the backend is: our request goes in, its response comes out. Lent for one exchange.
class ClientStream : public BodySource, public BodySink {
 public:
  virtual Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                         Follows follows) = 0;
  /// Runs the callback with the next head, interim ones too, or with why there is none (origin upstream). The
  /// head is the stream's, valid until the next request. Again after an interim one.
  using OnHead = std::function<void(Result<const http::ResponseHead*>)>;
  [[nodiscard]] virtual Wait read_head(OnHead on_head) = 0;
  /// Nothing of the request's body is written any more: the backend sees the end of our direction, and may go
  /// on with its own.
  virtual void end_sending() = 0;
  /// The head just read was a 101 to the Upgrade that was asked for: from now on the body, both ways, is the
  /// bytes of the connection.
  virtual void switch_protocols() = 0;
  /// For the tunnel's next owner: this owner has only to destroy the stream then. An error when that cannot
  /// be, and the tunnel goes on here.
  virtual Result<TunnelEnd> suspend_tunnel() { return cannot_be_left(); }
  /// A byte has come back for this request.
  virtual bool has_answered() const = 0;

  /// The backend ended the connection in order, and its kernel has acknowledged nothing of this request: it
  /// had closed before the request came, and has read none of it.
  virtual bool has_taken_nothing() const { return false; }

  /// What it is a stream of; for that connection's owner alone.
  virtual ClientConnection& connection() = 0;
};

}  // namespace sluice::wire
