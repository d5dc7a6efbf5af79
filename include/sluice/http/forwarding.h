// Writing a head for the other side: hop-by-hop fields out, framing anew, forwarding fields in (RFC
// 9110 7.6).
#pragma once

#include <sluice/http/head.h>

#include <string>
#include <string_view>

namespace sluice::http {

/// What the backend is told about the request beyond what the client said.
struct RequestForwarding {
  std::string_view client_ip;       ///< X-Forwarded-For; nobody else's word for it is taken yet
  std::string_view proto = "http";  ///< X-Forwarded-Proto
  std::string_view target{};          ///< what to ask for; the client's target when empty
};

/// Appends the request head for the backend to `out`: HTTP/1.1, Host (of an absolute-form target its
/// authority), the client's fields in their order and spelling without the hop-by-hop ones (Connection and
/// what it names, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade) and without
/// X-Forwarded-For/-Proto/-Host, then those three as Sluice knows them, Via, and the framing written anew
/// (Content-Length in digits, or chunked).
void write_request_head(std::string& out, const RequestHead& head, const RequestForwarding& forwarding);

/// How the response reaches the client.
struct ResponseForwarding {
  /// The framing towards the client: length or chunked, until_close, or none (HEAD, 204, 304; the response's
  /// own Content-Length, when it had one, is then passed on for HEAD and 304).
  Framing framing;
  bool close = false;           ///< says Connection: close
  bool say_keep_alive = false;  ///< says Connection: keep-alive (to an HTTP/1.0 client that asked for it)
};

/// Appends the response head for the client to `out`: HTTP/1.1, the same status and reason, the backend's
/// fields in their order and spelling without the hop-by-hop ones, Via, and the framing written anew.
void write_response_head(std::string& out, const ResponseHead& head, const ResponseForwarding& forwarding);

/// Appends an interim (1xx) head as it came, without hop-by-hop fields.
void write_interim_head(std::string& out, const ResponseHead& head);

/// The framing of a response towards a client of this version: what has no known end becomes chunked for
/// HTTP/1.1 and until_close for HTTP/1.0 (RFC 9112 6.3, 7).
Framing framing_towards(Version client, const Framing& from_backend);

/// Appends "1a2b\r\n" for a chunk of `size` bytes (> 0); the chunk itself and kChunkEnd follow.
void write_chunk_start(std::string& out, size_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// The standard reason phrase (RFC 9110 15), or "Unknown".
std::string_view reason_phrase(int status);

/// A whole response of Sluice's own: head and short text body ("404 Not Found: <explanation>\n"); the body is
/// left out for HEAD. `extra_fields` are complete lines with CRLF.
std::string own_response(int status, std::string_view explanation, std::string_view extra_fields,
                         bool to_head, bool close, bool say_keep_alive);

}  // namespace sluice::http
