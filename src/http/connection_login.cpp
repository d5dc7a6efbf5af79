#include <sluice/base/text.h>
#include <sluice/http/connection_login.h>

#include <algorithm>
#include <array>

#include "http/framing.h"

namespace sluice::http {
namespace {

constexpr std::array<std::string_view, 4> kSchemes = {"NTLM", "Negotiate", "Nego2", "Kerberos"};

/// Commas within a quoted parameter are taken for those between challenges: that finds a scheme too many,
/// never one too few.
bool names_such_a_scheme(std::string_view value) {
  bool found = false;
  for_each_element(value, [&](std::string_view element) {
    const auto scheme = element.substr(0, element.find_first_of(" \t"));
    found = found || std::ranges::any_of(
                         kSchemes, [&](std::string_view each) { return equals_ignoring_case(each, scheme); });
  });
  return found;
}

bool names_such_a_scheme(const Head& head, FieldName one, FieldName other) {
  return std::ranges::any_of(head.fields(), [&](const Field& field) {
    return (field.name == one || field.name == other) && names_such_a_scheme(head.value(field));
  });
}

}  // namespace

bool logs_connection_in(const RequestHead& head) {
  if (!head.has(FieldName::authorization) && !head.has(FieldName::proxy_authorization)) return false;
  return names_such_a_scheme(head, FieldName::authorization, FieldName::proxy_authorization);
}

bool asks_for_connection_login(const ResponseHead& head) {
  if (head.status != 401 && head.status != 407) return false;
  return names_such_a_scheme(head, FieldName::www_authenticate, FieldName::proxy_authenticate);
}

}  // namespace sluice::http
