#include <sluice/base/text.h>
#include <sluice/http/max_forwards.h>

namespace sluice::http {

bool ends_here(const RequestHead& head) {
  if (head.count(FieldName::max_forwards) != 1) return false;
  if (head.method() != "TRACE" && head.method() != "OPTIONS") return false;
  const auto left = parse_unsigned(head.find(FieldName::max_forwards));
  return left && *left == 0;
}

std::string trace_content(const RequestHead& head) {
  const auto bytes = head.bytes();
  std::string content(bytes.substr(0, bytes.find("\r\n") + 2));
  for (const Field& field : head.fields()) {
    const auto name = head.name(field);
    if (equals_ignoring_case(name, "authorization") || equals_ignoring_case(name, "cookie") ||
        equals_ignoring_case(name, "proxy-authorization")) {
      continue;
    }
    content += head.line(field);
  }
  return content += "\r\n";
}

}  // namespace sluice::http
