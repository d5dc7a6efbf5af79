#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include <array>
#include <charconv>

#include "http/framing.h"

namespace sluice::http {
namespace {

constexpr uint32_t bit(FieldName name) {
  return uint32_t{1} << static_cast<unsigned>(name);
}

/// Hop-by-hop, or framing: never copied (RFC 9110 7.6.1, RFC 9112 6).
constexpr uint32_t kNeverForwarded = bit(FieldName::connection) | bit(FieldName::keep_alive) |
                                     bit(FieldName::proxy_connection) | bit(FieldName::te) |
                                     bit(FieldName::trailer) | bit(FieldName::transfer_encoding) |
                                     bit(FieldName::upgrade) | bit(FieldName::content_length);
constexpr uint32_t kOursInRequests = bit(FieldName::x_forwarded_for) | bit(FieldName::x_forwarded_host) |
                                     bit(FieldName::x_forwarded_proto) | bit(FieldName::host);

void append_number(std::string& out, uint64_t number, int base) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

/// Connection names fields beyond the standard options, so that each field has to be held against it.
bool nominates_fields(const Head& head) {
  bool nominates = false;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::connection) continue;
    for_each_element(head.value(field), [&](std::string_view option) {
      if (equals_ignoring_case(option, "close") || equals_ignoring_case(option, "keep-alive")) return;
      nominates = true;
    });
  }
  return nominates;
}

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

/// Copies the fields whose bit is not in `dropped`, neighbours in one go.
void copy_fields(std::string& out, const Head& head, uint32_t dropped) {
  const bool nominates = nominates_fields(head);
  const std::string_view bytes = head.bytes();
  size_t run_begin = 0;
  size_t run_end = 0;
  for (const Field& field : head.fields()) {
    const bool drop = (dropped & bit(field.name)) != 0 || (nominates && is_nominated(head, head.name(field)));
    if (drop) continue;
    if (field.begin != run_end) {
      out.append(bytes.substr(run_begin, run_end - run_begin));
      run_begin = field.begin;
    }
    run_end = field.end;
  }
  out.append(bytes.substr(run_begin, run_end - run_begin));
}

void append_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (framing.kind == Framing::Kind::length) {
    out += "Content-Length: ";
    append_number(out, framing.length, 10);
    out += "\r\n";
  }
}

void append_status_line(std::string& out, const ResponseHead& head) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(head.status), 10);
  out += ' ';
  out += head.reason();
  out += "\r\n";
}

std::string_view via(Version version) {
  return version.minor == 0 ? "Via: 1.0 sluice\r\n" : "Via: 1.1 sluice\r\n";
}

}  // namespace

void write_request_head(std::string& out, const RequestHead& head, const RequestForwarding& forwarding) {
  const std::string_view host = head.host();
  out += head.method();
  out += ' ';
  if (!forwarding.target.empty()) {
    out += forwarding.target;
  } else if (head.is_absolute_form()) {
    out += head.origin_target();
  } else {
    out += head.target();
  }
  out += " HTTP/1.1\r\nHost: ";
  out += host;
  out += "\r\n";
  copy_fields(out, head, kNeverForwarded | kOursInRequests);
  out += "X-Forwarded-For: ";
  out += forwarding.client_ip;
  out += "\r\nX-Forwarded-Proto: ";
  out += forwarding.proto;
  if (!host.empty()) {
    out += "\r\nX-Forwarded-Host: ";
    out += host;
  }
  out += "\r\n";
  out += via(head.version);
  append_framing(out, head.framing);
  out += "\r\n";
}

void write_response_head(std::string& out, const ResponseHead& head, const ResponseForwarding& forwarding) {
  append_status_line(out, head);
  // Without a body of its own a Content-Length tells of the body that there would have been (RFC 9110 8.6).
  const bool tells_length =
      forwarding.framing.kind == Framing::Kind::none && head.status >= 200 && head.status != 204;
  copy_fields(out, head, tells_length ? kNeverForwarded & ~bit(FieldName::content_length) : kNeverForwarded);
  out += via(head.version);
  append_framing(out, forwarding.framing);
  if (forwarding.close) out += "Connection: close\r\n";
  if (forwarding.say_keep_alive) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

void write_interim_head(std::string& out, const ResponseHead& head) {
  append_status_line(out, head);
  copy_fields(out, head, kNeverForwarded);
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

std::string own_response(int status, std::string_view explanation, std::string_view extra_fields,
                         bool to_head, bool close, bool say_keep_alive) {
  const std::string code = std::to_string(status);
  const std::string body = concat({code, " ", reason_phrase(status), ": ", explanation, "\n"});
  const std::string_view connection = close            ? "Connection: close\r\n"
                                      : say_keep_alive ? "Connection: keep-alive\r\n"
                                                       : "";
  return concat({"HTTP/1.1 ", code, " ", reason_phrase(status),
                 "\r\nContent-Type: text/plain\r\nContent-Length: ", std::to_string(body.size()), "\r\n",
                 connection, extra_fields, "\r\n", to_head ? std::string_view() : std::string_view(body)});
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace sluice::http
