#include "http/copy_fields.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <array>

#include "http/appender.h"
#include "http/framing.h"
#include "http/raw_fields.h"

namespace sluice::http {
namespace {

bool is_nominated(const Head& head, std::string_view name) {
  bool nominated = false;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::connection) continue;
    for_each_element(head.value(field), [&](std::string_view option) {
      nominated = nominated || equals_ignoring_case(option, name);
    });
  }
  return nominated;
}

constexpr std::string_view kDefaultViaLine = "Via: 1.1 sluice\r\n";
static_assert(kDefaultViaLine.substr(9, kDefaultVia.size()) == kDefaultVia);

/// The same name as a CGI variable (RFC 3875 4.1.18), where '-' and '_' are one.
bool is_same_variable(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char x = a[i] == '_' ? '-' : ascii_lower(a[i]);
    const char y = b[i] == '_' ? '-' : ascii_lower(b[i]);
    if (x != y) return false;
  }
  return true;
}

bool is_removed(const FieldEdits& edits, std::string_view name) {
  return std::ranges::any_of(edits.removed,
                             [&](const std::string& removed) { return is_same_variable(removed, name); });
}

/// "X_Forwarded_For" and its like: what a name with '_' is to a backend that takes '-' for it.
FieldName disguised(std::string_view name) {
  std::array<char, 24> plain;  // No name of a FieldName is longer.
  if (name.size() > plain.size() || name.find('_') == std::string_view::npos) return FieldName::other;
  std::ranges::replace_copy(name, plain.begin(), '_', '-');
  return field_name({plain.data(), name.size()});
}

}  // namespace

bool is_date_edited(const FieldEdits* edits) {
  return edits != nullptr && (edits->added.has(FieldName::date) || is_removed(*edits, "date"));
}

void copy_fields(std::string& out, const Head& head, uint32_t dropped, const FieldEdits* edits,
                 Disguises disguises) {
  const bool nominates = head.connection_names_fields;
  const bool removes = edits != nullptr && !edits->removed.empty();
  const std::string_view bytes = RawFields::bytes(head);
  size_t run_begin = 0;
  size_t run_end = 0;
  for (const Field& field : head.fields()) {
    const bool drop = (dropped & bit(field.name)) != 0 ||
                      (nominates && field.name != FieldName::upgrade &&  // Decided by its bit alone.
                       is_nominated(head, head.name(field))) ||
                      (removes && is_removed(*edits, head.name(field))) ||
                      (disguises == Disguises::dropped && field.name == FieldName::other &&
                       disguised(head.name(field)) != FieldName::other);
    if (drop) continue;
    const FieldPlace& place = RawFields::place(field);
    if (place.begin != run_end) {
      out.append(bytes.substr(run_begin, run_end - run_begin));
      run_begin = place.begin;
    }
    run_end = place.end;
  }
  out.append(bytes.substr(run_begin, run_end - run_begin));
}

FieldList forwardable_trailers(const FieldList& trailers, const Head& head, const FieldEdits* edits) {
  FieldList kept;
  for (const Field& field : trailers.fields()) {
    const auto name = trailers.name(field);
    const bool drop = (head.connection_names_fields && is_nominated(head, name)) ||
                      (edits != nullptr && is_removed(*edits, name)) || disguised(name) != FieldName::other;
    if (!drop) RawFields::add_line(kept, RawFields::line(trailers, field), RawFields::place(field).name_size);
  }
  return kept;
}

void append_number(std::string& out, uint64_t number) {
  Appender(out, Appender::kMostDigits).add(number);
}

void append_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::chunked || framing.kind == Framing::Kind::stream_end) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (framing.kind == Framing::Kind::length) {
    Appender(out, 18 + Appender::kMostDigits).add("Content-Length: ").add(framing.length).add("\r\n");
  }
}

void append_via(std::string& out, Protocol protocol, const FieldEdits* edits) {
  if (edits == nullptr && protocol == Protocol::http1_1) {  // The rule, in one piece.
    out += kDefaultViaLine;
    return;
  }
  const std::string_view name = edits == nullptr ? kDefaultVia : std::string_view(edits->via);
  if (name.empty()) return;
  constexpr std::array<std::string_view, 3> kStarts = {"Via: 1.0 ", "Via: 1.1 ", "Via: 2.0 "};
  out += kStarts[static_cast<size_t>(protocol)];
  out += name;
  out += "\r\n";
}

}  // namespace sluice::http
