// One exchange's two sides, blind to the protocol's version: HTTP/1 today, HTTP/2 the day it comes.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/http/forwarding.h>
#include <sluice/http/head.h>
#include <sluice/wire/body.h>

#include <functional>
#include <string_view>

namespace sluice::wire {

/// Whether body bytes are at hand to leave in the same write as the head.
enum class Follows { nothing_yet, body_at_once };

/// Where the client is: its request comes out, our response goes in. Lent to the exchange for one request.
class ServerStream : public BodySource, public BodySink {
 public:
  /// Whole; valid until finish() or abort().
  virtual const http::RequestHead& request() const = 0;
  /// The client's IP address as text; valid as long as the stream.
  virtual std::string_view client_ip() const = 0;

  virtual void send_interim(const http::ResponseHead& head) = 0;
  /// Starts the response; `head.framing` says how its body comes, the stream chooses how it goes on.
  virtual Flow send_head(const http::ResponseHead& head, Follows follows) = 0;
  /// A whole response of our own.
  virtual Flow send_own(int status, std::string_view explanation, std::string_view extra_fields) = 0;
  /// A byte of the (final) response may have reached the client: there is no other answer any more.
  virtual bool is_committed() const = 0;
  /// Drops a head that was given but not committed, so that another answer can be given.
  virtual void take_back_head() = 0;

  /// The answer has been given whole: on to the connection's next request, or to its end. May destroy the
  /// stream.
  virtual void finish() = 0;
  /// The answer cannot be given whole: breaks the connection so that the client sees it. May destroy the
  /// stream.
  virtual void abort() = 0;
};

/// Where the backend is: our request goes in, its response comes out.
class ClientStream : public BodySource, public BodySink {
 public:
  virtual Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                         Follows follows) = 0;
  /// Runs the callback with the next head, interim ones too, or with why there is none (origin upstream). The
  /// head is the stream's, valid until the next request. Again after an interim one.
  using OnHead = std::function<void(Result<const http::ResponseHead*>)>;
  [[nodiscard]] virtual Wait read_head(OnHead on_head) = 0;
  /// A byte has come back for this request.
  virtual bool has_answered() const = 0;

  /// It has served a request before this one.
  virtual bool is_reused() const = 0;
  /// Asks the kernel whether the backend has closed it, or said something unasked (see Transport::is_stale).
  virtual bool is_stale() const = 0;
  /// The exchange on it is over, in order, and another one may follow.
  virtual bool may_be_reused() const = 0;

  /// Rests between exchanges: `on_gone` runs when the backend closes it or `idle` is over. It may destroy the
  /// stream.
  virtual void park(Duration idle, std::function<void(ClientStream&)> on_gone) = 0;
  virtual void unpark() = 0;
};

}  // namespace sluice::wire
