// Fields of a message: one line each, in one buffer. HTTP/1 copies the lines, HTTP/2 walks the fields.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
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

/// Where a field's line lies. Offsets, not pointers: the buffer may grow while the head is being read.
struct FieldPlace {
  uint32_t begin = 0;  ///< of the line, at the first byte of the name
  uint32_t name_size = 0;
  uint32_t value_begin = 0;  ///< without the white space around the value
  uint32_t value_size = 0;
  uint32_t end = 0;  ///< behind the line's CRLF
};

/// One field of a Fields, which has its text.
class Field {
 public:
  FieldName name = FieldName::other;

 private:
  friend class Fields;
  friend struct RawFields;
  FieldPlace place_;
};

/// Fields to look at: what a FieldList and the head of a message have in common.
class Fields {
 public:
  /// In their order.
  const std::vector<Field>& fields() const { return fields_; }
  std::string_view name(const Field& field) const { return view(field.place_.begin, field.place_.name_size); }
  std::string_view value(const Field& field) const {
    return view(field.place_.value_begin, field.place_.value_size);
  }
  /// The value of the first field of this name, or nothing (a null view).
  std::string_view find(FieldName name) const;
  bool has(FieldName name) const { return (present_ >> static_cast<unsigned>(name) & 1) != 0; }
  size_t count(FieldName name) const;

 protected:
  std::string_view view(uint32_t begin, uint32_t size) const {
    return std::string_view(bytes_).substr(begin, size);
  }
  std::string_view all() const { return bytes_; }
  /// Keeps the room of a usual head or list.
  void clear_fields();

 private:
  friend class FieldList;
  friend class HeadBuilder;
  friend class HeadDecoder;
  friend struct RawFields;

  std::string bytes_;
  std::vector<Field> fields_;
  uint32_t present_ = 0;  // a bit for each FieldName: most fields are asked for in vain
};

/// Fields outside of a head: those that Sluice adds to one, and trailers. The order is kept, and names may
/// come more than once.
class FieldList final : public Fields {
 public:
  FieldList() = default;
  FieldList(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  /// The name has to be a token, and the value has no CR, LF or NUL (CHECK): text that comes from a peer is
  /// checked before.
  void add(std::string_view name, std::string_view value);
  void add(const FieldList& others);
  /// All fields of this name, whatever its case.
  void remove(std::string_view name);
  void clear() { clear_fields(); }

  bool empty() const { return fields().empty(); }
  /// All fields, each as "name: value" with its CRLF. A trailer's line is as the peer has written it.
  std::string_view lines() const { return all(); }
};

/// For a message without trailers.
extern const FieldList kNoFields;

}  // namespace sluice::http
