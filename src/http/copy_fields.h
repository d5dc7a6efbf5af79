// Copying the fields of a head that go on to the other side, runs of neighbours in one go.
#pragma once

#include <sluice/http/forwarding.h>
#include <sluice/http/head.h>

#include <cstdint>
#include <string>

namespace sluice::http {

constexpr uint32_t bit(FieldName name) {
  return uint32_t{1} << static_cast<unsigned>(name);
}

/// Hop-by-hop, or framing: never copied (RFC 9110 7.6.1, RFC 9112 6).
inline constexpr uint32_t kNeverForwarded = bit(FieldName::connection) | bit(FieldName::keep_alive) |
                                            bit(FieldName::proxy_connection) | bit(FieldName::te) |
                                            bit(FieldName::trailer) | bit(FieldName::transfer_encoding) |
                                            bit(FieldName::upgrade) | bit(FieldName::content_length);

/// Whether fields go on that are one of FieldName's to who reads '_' as '-', such as X_Forwarded_For.
enum class Disguises : uint8_t { kept, dropped };

/// Appends the fields whose bit is not in `dropped`, that Connection does not name, and that the edits (may
/// be null) do not remove.
void copy_fields(std::string& out, const Head& head, uint32_t dropped, const FieldEdits* edits,
                 Disguises disguises);

void append_number(std::string& out, uint64_t number, int base);
/// "Content-Length: 5\r\n" or "Transfer-Encoding: chunked\r\n", or nothing.
void append_framing(std::string& out, const Framing& framing);
std::string_view via_line(Version version);

}  // namespace sluice::http
