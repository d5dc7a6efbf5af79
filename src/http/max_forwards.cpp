#include <sluice/base/text.h>
#include <sluice/http/max_forwards.h>

#include "http/raw_fields.h"

namespace sluice::http {

bool ends_here(const RequestHead& head) {
  if (head.count(FieldName::max_forwards) != 1) return false;
  if (head.method() != "TRACE" && head.method() != "OPTIONS") return false;
  const auto left = parse_unsigned(head.find(FieldName::max_forwards));
  return left && *left == 0;
}

std::string trace_content(const RequestHead& head) {
  std::string content = concat({head.request_line(), "\r\n"});
  for (const Field& field : head.fields()) {
    const auto name = head.name(field);
    if (equals_ignoring_case(name, "authorization") || equals_ignoring_case(name, "cookie") ||
        equals_ignoring_case(name, "proxy-authorization")) {
      continue;
    }
    content += RawFields::line(head, field);
  }
  return content += "\r\n";
}

}  // namespace sluice::http
