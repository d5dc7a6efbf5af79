// The response head, as the client gets it.
#include <sluice/http/forwarding.h>

#include "http/copy_fields.h"

namespace sluice::http {
namespace {

void append_status_line(std::string& out, const ResponseHead& head) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(head.status), 10);
  out += ' ';
  out += head.reason();
  out += "\r\n";
}

/// Trailers can follow only what is chunked; then their announcement stays.
uint32_t dropped_of(const ResponseHead& head, const ResponseForwarding& forwarding) {
  uint32_t dropped = kNeverForwarded;
  // Without a body of its own a Content-Length tells of the body that there would have been (RFC 9110 8.6).
  const bool tells_length =
      forwarding.framing.kind == Framing::Kind::none && head.status >= 200 && head.status != 204;
  if (tells_length) dropped &= ~bit(FieldName::content_length);
  if (forwarding.framing.kind == Framing::Kind::chunked) dropped &= ~bit(FieldName::trailer);
  if (forwarding.upgraded) dropped &= ~bit(FieldName::upgrade);
  return dropped;
}

}  // namespace

void write_response_head(std::string& out, const ResponseHead& head, const ResponseForwarding& forwarding) {
  append_status_line(out, head);
  copy_fields(out, head, dropped_of(head, forwarding), forwarding.edits, Disguises::kept);
  if (forwarding.upgraded) out += "Connection: upgrade\r\n";
  out += via_line(head.version);
  if (forwarding.edits != nullptr) out += forwarding.edits->added;
  append_framing(out, forwarding.framing);
  if (forwarding.close) out += "Connection: close\r\n";
  if (forwarding.say_keep_alive) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

void write_interim_head(std::string& out, const ResponseHead& head, const FieldEdits* edits) {
  append_status_line(out, head);
  copy_fields(out, head, kNeverForwarded, edits, Disguises::kept);
  out += "\r\n";
}

Framing framing_towards(Version client, const Framing& from_backend) {
  switch (from_backend.kind) {
    case Framing::Kind::none:
    case Framing::Kind::length:
      return from_backend;
    case Framing::Kind::chunked:
    case Framing::Kind::until_close:
      break;
  }
  return {.kind = client.minor == 0 ? Framing::Kind::until_close : Framing::Kind::chunked};
}

void write_chunk_start(std::string& out, size_t size) {
  append_number(out, size, 16);
  out += "\r\n";
}

}  // namespace sluice::http
