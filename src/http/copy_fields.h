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

/// Whether the edits (may be null) take the Date away or give one: then it is theirs to say.
bool is_date_edited(const FieldEdits* edits);

/// Whether fields are copied that a backend which reads '_' as '-' takes for one of FieldName's, such as
/// X_Forwarded_For.
enum class Disguises : uint8_t { kept, dropped };

/// Appends the fields whose bit is not in `dropped`, that Connection does not name, and that the edits (may
/// be null) do not remove.
void copy_fields(std::string& out, const Head& head, uint32_t dropped, const FieldEdits* edits,
                 Disguises disguises);

void append_number(std::string& out, uint64_t number);
/// "Content-Length: 5\r\n" or "Transfer-Encoding: chunked\r\n", or nothing.
void append_framing(std::string& out, const Framing& framing);
/// The Via line of a message that came by this protocol, by the edits' name (RFC 9110 7.6.3); nothing when
/// they ask for none. `edits` may be null.
void append_via(std::string& out, Protocol protocol, const FieldEdits* edits);

}  // namespace sluice::http
