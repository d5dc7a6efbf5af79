// Writing a head for the other side: hop-by-hop fields out, framing anew, forwarding fields in (RFC
// 9110 7.6).
#pragma once

#include <sluice/http/head.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// What Sluice is called in Via by default.
inline constexpr std::string_view kDefaultVia = "sluice";

/// What the configuration changes in a head's fields: first what goes, then what comes. Setting a field is
/// removing it and adding it. Made once for a generation.
struct FieldEdits {
  std::vector<std::string> removed{};  ///< names, lower case
  FieldList added{};
  std::string via{kDefaultVia};  ///< the name that Via gets; no Via is added when empty
  bool empty() const { return removed.empty() && added.empty() && via == kDefaultVia; }
};

/// What the request to the backend says beyond the client's.
struct RequestForwarding {
  std::string_view client_ip{};       ///< the peer's address; "unix" for a local one
  bool client_is_trusted = false;     ///< its X-Forwarded-*, Forwarded and X-Request-Id are believed
  std::string_view proto = "http";    ///< how the client spoke to us
  uint16_t port = 0;                  ///< the listener's port; 0 when it has none
  std::string_view request_id{};      ///< X-Request-Id; none is written when empty
  bool say_forwarded = false;         ///< also RFC 7239's Forwarded
  std::string_view target{};          ///< what to ask for; the client's target when empty
  std::string_view host{};            ///< the Host to ask; the client's when empty
  std::string_view upgrade{};         ///< the protocol to ask for by Upgrade, none when empty
  bool close = false;                 ///< says Connection: close
  const FieldEdits* edits = nullptr;  ///< borrowed
};

/// Appends the request head for the backend to `out`: HTTP/1.1, Host (of an absolute-form target its
/// authority), the client's fields in their order and spelling without the hop-by-hop ones (Connection and
/// what it names, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, and Trailer unless the body
/// is chunked) and those that the edits remove, then in this order:
/// - X-Forwarded-For (a trusted client's list goes on with its address, else its address alone), -Proto,
///   -Host and -Port (a trusted client's own when it sent one, else as Sluice knows them), Forwarded when
///   asked for (a trusted client's goes on; any other's is always left out), X-Request-Id
/// - Via, as the edits say (added behind the client's own ones, which always go on)
/// - `TE: trailers` with `Connection: TE` when the client sent that (RFC 9110 10.1.4)
/// - Max-Forwards, one less, of TRACE and OPTIONS (RFC 9110 7.6.2)
/// - Upgrade with `Connection: upgrade`
/// - what the edits add, and the framing written anew (Content-Length in digits, or chunked).
/// Nothing that a client's Connection names can take away what Sluice adds. Fields that are one of these, or
/// one that the edits remove, to a backend that reads '_' as '-' are left out, too. An HTTP/1.0 client's
/// Expect is left out (RFC 9110 10.1.1).
void write_request_head(std::string& out, const RequestHead& head, const RequestForwarding& forwarding);

/// The address of the client in front of all trusted proxies: the last element of X-Forwarded-For that
/// `is_trusted` does not vouch for; `peer_ip` when it is not trusted itself, or nothing better is known.
std::string original_client(const RequestHead& head, std::string_view peer_ip,
                            const std::function<bool(std::string_view)>& is_trusted);

/// How the response reaches the client.
struct ResponseForwarding {
  /// The framing towards the client: length or chunked, until_close, or none (HEAD, 204, 304; the response's
  /// own Content-Length, when it had one, is then passed on for HEAD and 304).
  Framing framing;
  bool close = false;               ///< says Connection: close
  bool say_keep_alive = false;      ///< says Connection: keep-alive (to an HTTP/1.0 client that asked for it)
  bool upgraded = false;            ///< a 101: Connection: upgrade, and the backend's Upgrade is passed on
  const FieldList* date = nullptr;  ///< a Date, for a response that has none and is to have one; borrowed
  const FieldEdits* edits = nullptr;  ///< borrowed
};

/// Appends the response head for the client to `out`: HTTP/1.1, the same status and reason, the backend's
/// fields in their order and spelling without the hop-by-hop ones, Via as the edits say, and the framing
/// written anew.
void write_response_head(std::string& out, const ResponseHead& head, const ResponseForwarding& forwarding);

/// Appends an interim (1xx) head as it came, without hop-by-hop fields and those that the edits (may be null)
/// remove; nothing is added to it.
void write_interim_head(std::string& out, const ResponseHead& head, const FieldEdits* edits);

/// The trailers that go on: without those that the head's Connection names (RFC 9110 7.6.1) and those that
/// the edits (may be null) remove.
FieldList forwardable_trailers(const FieldList& trailers, const Head& head, const FieldEdits* edits);

/// The framing of a message towards a receiver of this protocol: what has no known end becomes chunked for
/// HTTP/1.1, until_close for HTTP/1.0 (RFC 9112 6.3, 7), and stream_end for HTTP/2.
Framing framing_towards(Protocol receiver, const Framing& from_sender);

/// Appends "1a2b\r\n" for a chunk of `size` bytes (> 0); the chunk itself and kChunkEnd follow.
void write_chunk_start(std::string& out, size_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
/// The last chunk's line alone; the trailers and kChunkEnd follow.
inline constexpr std::string_view kLastChunkStart = "0\r\n";

/// The standard reason phrase (RFC 9110 15), or "Unknown".
std::string_view reason_phrase(int status);

/// A response of Sluice's own, before it is written.
struct LocalResponse {
  int status = 500;
  std::string_view explanation{};           ///< for the short body: "404 Not Found: <explanation>\n"
  const FieldList* extra_fields = nullptr;  ///< borrowed; may be null
  std::string_view content_type{};          ///< with `body`: given instead of the short body
  std::string_view body{};
  bool has_body = false;  ///< `body` stands, even when empty
};

/// How it reaches the client.
struct LocalResponseForwarding {
  bool to_head = false;             ///< the body is left out
  bool close = false;               ///< says Connection: close
  bool say_keep_alive = false;      ///< says Connection: keep-alive
  const FieldList* date = nullptr;  ///< a Date; borrowed
  bool as_json = false;             ///< the short body is {"status":404,"error":"Not Found","message":"..."}
};

/// One as it is written.
struct LocalResponseBytes {
  std::string bytes;        ///< head and content
  size_t content_size = 0;  ///< of the content in `bytes`: 0 in the answer to HEAD, in a 204 and in a 304
};

/// Head and body. No body and no Content-Length for 204 and 304 (RFC 9110 8.6).
LocalResponseBytes local_response(const LocalResponse& response, const LocalResponseForwarding& forwarding);

/// The client would rather have JSON than text: Accept names application/json (or application/*+json) with a
/// weight above that of text/* and */* (RFC 9110 12.5.1).
bool prefers_json(const RequestHead& head);

}  // namespace sluice::http
