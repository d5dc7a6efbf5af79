// The response head, as the client gets it.
#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>
#include <sluice/http/lookup.h>

#include <array>
#include <charconv>

#include "http/copy_fields.h"
#include "http/raw_fields.h"

namespace sluice::http {
namespace {

/// The backend's, with our version: "HTTP/1.1", then status and reason as they came.
void append_status_line(std::string& out, const ResponseHead& head) {
  constexpr std::string_view kVersion = "HTTP/1.1";
  const auto bytes = RawFields::bytes(head);
  const auto reason = head.reason();
  out += kVersion;
  if (!reason.empty()) {
    const auto end = static_cast<size_t>(reason.data() - bytes.data()) + reason.size();
    out += bytes.substr(kVersion.size(), end - kVersion.size());
    out += "\r\n";
    return;
  }
  out += ' ';
  append_number(out, static_cast<uint64_t>(head.status));
  out += " \r\n";  // The space is there even without a reason (RFC 9112 4).
}

/// Without a body of its own a Content-Length says how long the body would have been (RFC 9110 8.6). It is
/// written anew, as with a body: backends may put white space around it that clients do not take.
void append_length_of_none(std::string& out, const ResponseHead& head, const Framing& framing) {
  const bool may_have = framing.kind == Framing::Kind::none && head.status >= 200 && head.status != 204;
  if (!may_have || !head.has(FieldName::content_length)) return;
  const auto length = parse_unsigned(trim(find_field(head, "Content-Length").value_or("")));
  if (length) append_framing(out, {.kind = Framing::Kind::length, .length = *length});
}

/// Trailers can follow only what is chunked; then their announcement stays.
uint32_t dropped_of(const ResponseForwarding& forwarding) {
  uint32_t dropped = kNeverForwarded;
  if (forwarding.framing.kind == Framing::Kind::chunked) dropped &= ~bit(FieldName::trailer);
  if (forwarding.upgraded) dropped &= ~bit(FieldName::upgrade);
  return dropped;
}

}  // namespace

void write_response_head(std::string& out, const ResponseHead& head, const ResponseForwarding& forwarding) {
  append_status_line(out, head);
  copy_fields(out, head, dropped_of(forwarding), forwarding.edits, Disguises::kept);
  if (!head.has(FieldName::date) && forwarding.date != nullptr && !is_date_edited(forwarding.edits)) {
    out += forwarding.date->lines();
  }
  if (forwarding.upgraded) out += "Connection: upgrade\r\n";
  append_via(out, head.protocol, forwarding.edits);
  if (forwarding.edits != nullptr) out += forwarding.edits->added.lines();
  append_framing(out, forwarding.framing);
  append_length_of_none(out, head, forwarding.framing);
  if (forwarding.close) out += "Connection: close\r\n";
  if (forwarding.say_keep_alive) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

void write_interim_head(std::string& out, const ResponseHead& head, const FieldEdits* edits) {
  append_status_line(out, head);
  copy_fields(out, head, kNeverForwarded, edits, Disguises::kept);
  out += "\r\n";
}

Framing framing_towards(Protocol receiver, const Framing& from_sender) {
  if (from_sender.kind == Framing::Kind::none || from_sender.kind == Framing::Kind::length)
    return from_sender;
  switch (receiver) {
    case Protocol::http1_0:
      return {.kind = Framing::Kind::until_close};
    case Protocol::http1_1:
      return {.kind = Framing::Kind::chunked};
    case Protocol::http2:
      break;
  }
  return {.kind = Framing::Kind::stream_end};
}

void write_chunk_start(std::string& out, size_t size) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
}

}  // namespace sluice::http
