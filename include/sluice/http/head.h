// The head of a message: its bytes in one owned buffer, its parts as views into them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// Fields that Sluice itself acts on; every other one is passed on untouched.
enum class FieldName : uint8_t {
  other,
  authorization,
  connection,
  content_length,
  date,
  expect,
  forwarded,
  host,
  keep_alive,
  max_forwards,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  via,
  www_authenticate,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_proto,
  x_request_id,
};

/// The name's FieldName, whatever its case.
FieldName field_name(std::string_view name);

/// One field line. Offsets, not pointers: the buffer may grow while the head is being read.
struct Field {
  uint32_t begin = 0;  ///< of the line, at the first byte of the name
  uint32_t name_size = 0;
  uint32_t value_begin = 0;  ///< without the white space around the value
  uint32_t value_size = 0;
  uint32_t end = 0;  ///< behind the line's CRLF
  FieldName name = FieldName::other;
};

/// Only 1.0 and 1.1 ever come out of a decoder.
struct Version {
  uint8_t major = 1;
  uint8_t minor = 1;
  bool operator==(const Version&) const = default;
};

/// How the end of a message's body is known (RFC 9112 6.3).
struct Framing {
  enum class Kind : uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  uint64_t length = 0;  ///< bytes, when kind is length

  bool has_body() const { return kind != Kind::none && !(kind == Kind::length && length == 0); }
};

/// What request and response heads share. Reused: clear() keeps the capacity.
class Head {
 public:
  std::string_view bytes() const { return bytes_; }
  const std::vector<Field>& fields() const { return fields_; }
  std::string_view name(const Field& field) const { return view(field.begin, field.name_size); }
  std::string_view value(const Field& field) const { return view(field.value_begin, field.value_size); }
  /// The line with its CRLF.
  std::string_view line(const Field& field) const { return view(field.begin, field.end - field.begin); }
  /// The value of the first field of this name, or nothing (a null view).
  std::string_view find(FieldName name) const;
  bool has(FieldName name) const { return (present_ >> static_cast<unsigned>(name) & 1) != 0; }
  size_t count(FieldName name) const;

  Version version;
  Framing framing;
  /// Whether the sender lets the connection live on after this message (RFC 9112 9.3).
  bool keep_alive = false;
  /// Connection names fields that stay between the sender and us (RFC 9110 7.6.1).
  bool connection_names_fields = false;

 protected:
  void clear_head();
  std::string_view view(uint32_t begin, uint32_t size) const {
    return std::string_view(bytes_).substr(begin, size);
  }

 private:
  friend class HeadDecoder;
  std::string bytes_;
  std::vector<Field> fields_;
  uint32_t present_ = 0;  // a bit for each FieldName: most fields are asked for in vain
};

class RequestHead final : public Head {
 public:
  std::string_view method() const { return view(0, method_size); }
  /// As the client sent it, byte for byte.
  std::string_view target() const { return view(target_begin, target_size); }
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

  void clear();

  uint32_t method_size = 0;
  uint32_t target_begin = 0;
  uint32_t target_size = 0;
};

class ResponseHead final : public Head {
 public:
  int status = 0;
  std::string_view reason() const { return view(reason_begin, reason_size); }
  bool is_interim() const { return status >= 100 && status < 200; }

  void clear();

  uint32_t reason_begin = 0;
  uint32_t reason_size = 0;
};

}  // namespace sluice::http
