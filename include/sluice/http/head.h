// The head of a message: its bytes in one owned buffer, its parts as views into them. What HTTP/2 has brought
// looks the same: HeadBuilder makes it.
#pragma once

#include <sluice/http/field_list.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

/// What a message came by.
enum class Protocol : uint8_t { http1_0, http1_1, http2 };

/// How the end of a message's body is known (RFC 9112 6.3).
struct Framing {
  enum class Kind : uint8_t {
    none,
    length,
    chunked,
    until_close,
    stream_end,  ///< of an HTTP/2 message without a length (RFC 9113 8.1)
  };
  Kind kind = Kind::none;
  uint64_t length = 0;  ///< bytes, when kind is length

  bool has_body() const { return kind != Kind::none && !(kind == Kind::length && length == 0); }
};

/// What request and response heads share. Reused: clear() keeps the capacity.
class Head : public Fields {
 public:
  Protocol protocol = Protocol::http1_1;
  Framing framing;
  /// Whether the sender lets the connection live on after this message (RFC 9112 9.3).
  bool keep_alive = false;
  /// Connection names fields that stay between the sender and us (RFC 9110 7.6.1).
  bool connection_names_fields = false;

 protected:
  void clear_head();
};

class RequestHead final : public Head {
 public:
  std::string_view method() const { return view(0, method_size_); }
  /// As the client sent it, byte for byte.
  std::string_view target() const { return view(target_begin_, target_size_); }
  /// "http" or "https", as HTTP/2 or an absolute-form target says; else empty.
  std::string_view scheme() const;
  /// The target's path: up to '?'; of an absolute-form target the part behind the authority ("/" when empty).
  std::string_view path() const;
  /// What follows the path, with its '?'; may be empty.
  std::string_view query() const { return target().substr(std::min(target().find('?'), target().size())); }
  /// The Host field's value, or the authority of an absolute-form target (RFC 9112 3.2.2); may be empty
  /// (HTTP/1.0).
  std::string_view host() const;
  bool is_absolute_form() const;
  /// The target is a path (RFC 9112 3.2.1), as that of nearly every request is.
  bool is_origin_form() const { return target().starts_with('/'); }
  /// OPTIONS about the server as a whole: "*", or an absolute-form target without a path (RFC 9112 3.2.4).
  bool is_about_server() const;
  /// The target in origin-form, as a backend is asked for it.
  std::string origin_target() const;
  bool is_head() const { return method() == "HEAD"; }
  /// RFC 9110 9.2.2.
  bool is_idempotent() const;
  bool expects_continue = false;

  /// All of it has come. It may have been refused for what is in it, and is answered all the same.
  bool is_whole() const { return method_size_ != 0; }
  /// The first line, for people; of a head that is not whole, what has come of it.
  std::string_view request_line() const { return all().substr(0, all().find("\r\n")); }
  /// As it came, for another process to decode.
  std::string text() const { return std::string(all()); }

  void clear();

 private:
  friend class HeadBuilder;
  friend class HeadDecoder;
  enum class Scheme : uint8_t { unknown, http, https };

  uint32_t method_size_ = 0;
  uint32_t target_begin_ = 0;
  uint32_t target_size_ = 0;
  Scheme scheme_ = Scheme::unknown;  // of HTTP/2
};

class ResponseHead final : public Head {
 public:
  int status = 0;
  /// Empty when there is none, as always in HTTP/2.
  std::string_view reason() const { return view(reason_begin_, reason_size_); }
  bool is_interim() const { return status >= 100 && status < 200; }

  void clear();

 private:
  friend class HeadBuilder;
  friend class HeadDecoder;

  uint32_t reason_begin_ = 0;
  uint32_t reason_size_ = 0;
};

}  // namespace sluice::http
