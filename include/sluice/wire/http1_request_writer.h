// A request on its way to a backend that speaks HTTP/1: head, body and trailers become bytes.
#pragma once

#include <sluice/http/forwarding.h>
#include <sluice/net/transport.h>
#include <sluice/wire/body.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::wire {

/// Writes the requests of one connection, one after the other. It calls nothing back and owns no connection:
/// the transport that each call gets is the connection's, and always the same.
class Http1RequestWriter {
 public:
  /// `out` is the worker's buffer that heads are written to first. It outlives the writer.
  explicit Http1RequestWriter(std::string& out) : out_(out) {}

  /// These bytes leave in front of the next request's head.
  void set_preface(std::string_view bytes) { preface_ = bytes; }
  /// The next request. Its head leaves with flush(), or in the same write as what follows it.
  void begin(const http::RequestHead& head, const http::RequestForwarding& forwarding);
  /// Writes the head, if that is still here. Blocked when something has not left.
  Flow flush(net::Transport& to);

  /// All of `pieces`, by the framing that the head has announced. A body must not be longer or shorter than
  /// the head's Content-Length: the next request's head would be taken for a body, or a body's end for a
  /// request (RFC 9112 6.3, 11.2). So a piece that would go beyond is refused: none of it is written, nor
  /// anything of the body after it, and the result is empty.
  [[nodiscard]] std::optional<Flow> write_body(net::Transport& to, Slices pieces);
  /// The body is whole; trailers are dropped where the framing has no place for them. Refused, as above, when
  /// some of the body is missing. The end of a tunnel is the end of our direction.
  [[nodiscard]] std::optional<Flow> end_body(net::Transport& to, const http::FieldList& trailers);
  /// Ends our direction, whatever of the body has been written.
  void end_sending(net::Transport& to);
  /// From now on a body is the bytes of the connection, as they are and until end_body().
  void become_tunnel();

  // What the connection has to know of the request.

  /// The response to HEAD has no body (RFC 9112 6.3).
  bool is_head() const { return is_head_; }
  /// It asks for another protocol, so the backend may answer 101 (RFC 9110 7.8).
  bool asks_for_upgrade() const { return asks_for_upgrade_; }
  bool is_tunnel() const { return is_tunnel_; }
  /// It was written whole, and nothing about it rules out another request behind it.
  bool may_be_followed() const { return is_whole_ && !is_last_; }
  /// Bytes of this request that were given to the transport, with the preface.
  size_t written() const { return written_; }

 private:
  std::optional<Flow> refuse();
  Flow write(net::Transport& to, std::string_view before, Slices pieces, std::string_view behind);
  Flow write(net::Transport& to, Slices all);

  std::string& out_;
  http::Framing::Kind framing_ = http::Framing::Kind::none;
  bool is_head_ = false;
  bool asks_for_upgrade_ = false;
  bool is_whole_ = false;
  bool is_tunnel_ = false;
  bool is_refused_ = false;
  bool is_last_ = false;   // on its connection
  size_t written_ = 0;     // of this request
  uint64_t declared_ = 0;  // of the body, what the head has said and has not come yet
  std::string out_head_;   // not written yet
  std::string preface_;
};

}  // namespace sluice::wire
