// The bytes beneath heads and fields, for http/ alone: HTTP/1 copies them, and its decoder checks them.
#pragma once

#include <sluice/http/field_list.h>

namespace sluice::http {

struct RawFields {
  static Field field(FieldName name, const FieldPlace& place) {
    Field field;
    field.name = name;
    field.place_ = place;
    return field;
  }
  static FieldPlace& place(Field& field) { return field.place_; }
  static const FieldPlace& place(const Field& field) { return field.place_; }
  /// Of all fields of a list, or of a head from its first line to its last.
  static std::string_view bytes(const Fields& fields) { return fields.all(); }
  /// The line with its CRLF.
  static std::string_view line(const Fields& fields, const Field& field) {
    return fields.view(field.place_.begin, field.place_.end - field.place_.begin);
  }
  /// A line with its CRLF, as it is. It has been checked, and its name is as long as `name_size`.
  static void add_line(FieldList& list, std::string_view line, size_t name_size);
};

}  // namespace sluice::http
