#include <sluice/base/text.h>
#include <sluice/http/upgrade.h>

#include <algorithm>

#include "http/framing.h"

namespace sluice::http {
namespace {

bool has_connection_option(const Head& head, std::string_view option) {
  bool found = false;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::connection) continue;
    for_each_element(head.value(field),
                     [&](std::string_view each) { found = found || equals_ignoring_case(each, option); });
  }
  return found;
}

}  // namespace

std::string_view wanted_upgrade(const RequestHead& head, std::span<const std::string> allowed) {
  if (!head.has(FieldName::upgrade) || head.protocol != Protocol::http1_1) return {};
  if (head.is_head() || head.method() == "TRACE" || !has_connection_option(head, "upgrade")) return {};
  std::string_view wanted;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::upgrade) continue;
    for_each_element(head.value(field), [&](std::string_view protocol) {
      const auto is_it = [&](const std::string& each) { return equals_ignoring_case(each, protocol); };
      if (wanted.empty() && std::ranges::any_of(allowed, is_it)) wanted = protocol;
    });
  }
  return wanted;
}

bool accepts_upgrade(const ResponseHead& head, std::string_view protocol) {
  return head.status == 101 && head.protocol == Protocol::http1_1 && head.count(FieldName::upgrade) == 1 &&
         equals_ignoring_case(head.find(FieldName::upgrade), protocol) &&
         has_connection_option(head, "upgrade");
}

}  // namespace sluice::http
