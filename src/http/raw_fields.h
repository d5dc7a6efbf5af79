// The bytes beneath fields, for http/ alone: HTTP/1 copies them, and its decoder checks them.
#pragma once

#include <sluice/http/field_list.h>

namespace sluice::http {

struct RawFields {
  /// The line with its CRLF.
  static std::string_view line(const Fields& fields, const Field& field) {
    return fields.view(field.begin, field.end - field.begin);
  }
  /// A line with its CRLF, as it is. It has been checked, and its name is as long as `name_size`.
  static void add_line(FieldList& list, std::string_view line, size_t name_size);
};

}  // namespace sluice::http
