// The request head, as the backend gets it.
#include <sluice/base/address.h>
#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include <optional>
#include <utility>

#include "http/appender.h"
#include "http/copy_fields.h"
#include "http/framing.h"

namespace sluice::http {

using namespace std::string_view_literals;

namespace {

constexpr std::string_view kUnix = "unix";  // the client_ip of a Unix socket's client

/// Fields that Sluice writes itself, whatever the client has sent.
constexpr uint32_t kOurs = bit(FieldName::x_forwarded_for) | bit(FieldName::x_forwarded_host) |
                           bit(FieldName::x_forwarded_proto) | bit(FieldName::x_forwarded_port) |
                           bit(FieldName::host);

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += value;
  out += "\r\n"sv;
}

/// All lines of a list field as one.
void append_list(std::string& out, const RequestHead& head, FieldName name) {
  for (const Field& field : head.fields()) {
    if (field.name != name || head.value(field).empty()) continue;
    out += head.value(field);
    out += ", ";
  }
}

/// The last line's value: a proxy that adds its own instead of replacing it adds it behind what it got.
std::string_view last(const RequestHead& head, FieldName wanted) {
  std::string_view value;
  for (const Field& field : head.fields()) {
    if (field.name == wanted) value = head.value(field);
  }
  return value;
}

/// A trusted client's own value, else ours.
std::string_view believed(const RequestHead& head, const RequestForwarding& forwarding, FieldName field,
                          std::string_view ours) {
  const auto theirs = forwarding.client_is_trusted ? last(head, field) : std::string_view();
  return theirs.empty() ? ours : theirs;
}

/// A value within Forwarded (RFC 7239 4): quoted unless it is a token.
void append_quoted(std::string& out, std::string_view value) {
  if (value.find_first_of(":[]\"\\,;= ") == std::string_view::npos && !value.empty()) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_forwarded(std::string& out, const RequestHead& head, const RequestForwarding& forwarding) {
  out += "Forwarded: ";
  if (forwarding.client_is_trusted) append_list(out, head, FieldName::forwarded);
  out += "for=";
  const auto ip = forwarding.client_ip;
  if (ip.find(':') != std::string_view::npos) {
    append_quoted(out, concat({"[", ip, "]"}));
  } else {
    out += ip == kUnix ? "unknown" : ip;
  }
  if (!head.host().empty()) {
    out += ";host=";
    append_quoted(out, head.host());
  }
  out += ";proto=";
  append_line(out, "", forwarding.proto);
}

/// X-Forwarded-For goes on with the client's address. A client of a Unix socket has none that would be of
/// use: a trusted one's list is sent on as it is.
std::string forwarded_for(const RequestHead& head, const RequestForwarding& forwarding) {
  std::string list;
  if (!forwarding.client_is_trusted) return list;
  append_list(list, head, FieldName::x_forwarded_for);
  if (forwarding.client_ip == kUnix && !list.empty()) list.resize(list.size() - 2);  // Its last comma.
  return list;
}

void append_forwarding_fields(std::string& out, const RequestHead& head,
                              const RequestForwarding& forwarding) {
  const std::string list = forwarded_for(head, forwarding);
  const auto ip = forwarding.client_ip == kUnix ? std::string_view() : forwarding.client_ip;
  const auto proto = believed(head, forwarding, FieldName::x_forwarded_proto, forwarding.proto);
  const auto host = believed(head, forwarding, FieldName::x_forwarded_host, head.host());
  const auto port = believed(head, forwarding, FieldName::x_forwarded_port, {});
  constexpr auto kNames =
      "X-Forwarded-For: \r\nX-Forwarded-Proto: \r\nX-Forwarded-Host: \r\nX-Forwarded-Port: \r\n"sv;
  {
    Appender lines(out, kNames.size() + list.size() + ip.size() + proto.size() + host.size() + port.size() +
                            Appender::kMostDigits);
    if (!list.empty() || !ip.empty()) lines.add("X-Forwarded-For: "sv).add(list).add(ip).add("\r\n"sv);
    lines.add("X-Forwarded-Proto: "sv).add(proto).add("\r\n"sv);
    if (!host.empty()) lines.add("X-Forwarded-Host: "sv).add(host).add("\r\n"sv);
    if (!port.empty()) {
      lines.add("X-Forwarded-Port: "sv).add(port).add("\r\n"sv);
    } else if (forwarding.port != 0) {
      lines.add("X-Forwarded-Port: "sv).add(uint64_t{forwarding.port}).add("\r\n"sv);
    }
  }
  if (forwarding.say_forwarded) append_forwarded(out, head, forwarding);
  if (!forwarding.request_id.empty()) append_line(out, "X-Request-Id: ", forwarding.request_id);
}

bool takes_trailers(const RequestHead& head) {
  bool takes = false;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::te) continue;
    for_each_element(head.value(field), [&](std::string_view coding) {
      takes = takes || equals_ignoring_case(trim(coding.substr(0, coding.find(';'))), "trailers");
    });
  }
  return takes;
}

void append_hop_fields(std::string& out, const RequestHead& head, std::string_view upgrade) {
  const bool trailers = head.has(FieldName::te) && takes_trailers(head);
  if (trailers) out += "TE: trailers\r\n";
  if (!upgrade.empty()) append_line(out, "Upgrade: ", upgrade);
  if (trailers && !upgrade.empty()) {
    out += "Connection: TE, upgrade\r\n";
  } else if (trailers) {
    out += "Connection: TE\r\n";
  } else if (!upgrade.empty()) {
    out += "Connection: upgrade\r\n";
  }
}

/// Max-Forwards, one less (RFC 9110 7.6.2); nothing when it is for others, or no number above 0.
std::optional<uint64_t> fewer_forwards(const RequestHead& head) {
  if (head.count(FieldName::max_forwards) != 1) return std::nullopt;
  if (head.method() != "TRACE" && head.method() != "OPTIONS") return std::nullopt;
  const auto left = parse_unsigned(head.find(FieldName::max_forwards));
  if (!left || *left == 0) return std::nullopt;
  return *left - 1;
}

void append_request_line(std::string& out, const RequestHead& head, std::string_view target) {
  out += head.method();
  out += ' ';
  if (!target.empty()) {
    out += target;
  } else if (head.is_absolute_form()) {
    out += head.origin_target();
  } else {
    out += head.target();
  }
  out += " HTTP/1.1\r\n";
}

}  // namespace

void write_request_head(std::string& out, const RequestHead& head, const RequestForwarding& forwarding) {
  append_request_line(out, head, forwarding.target);
  append_line(out, "Host: ", forwarding.host.empty() ? head.host() : forwarding.host);
  uint32_t dropped = kNeverForwarded | kOurs;
  if (!forwarding.client_is_trusted || forwarding.say_forwarded) dropped |= bit(FieldName::forwarded);
  if (!forwarding.client_is_trusted || !forwarding.request_id.empty())
    dropped |= bit(FieldName::x_request_id);
  if (head.protocol == Protocol::http1_0) dropped |= bit(FieldName::expect);
  if (head.framing.kind == Framing::Kind::chunked || head.framing.kind == Framing::Kind::stream_end)
    dropped &= ~bit(FieldName::trailer);
  const auto max_forwards = fewer_forwards(head);
  if (max_forwards) dropped |= bit(FieldName::max_forwards);
  copy_fields(out, head, dropped, forwarding.edits, Disguises::dropped);
  append_forwarding_fields(out, head, forwarding);
  append_via(out, head.protocol, forwarding.edits);
  append_hop_fields(out, head, forwarding.upgrade);
  if (forwarding.close && forwarding.upgrade.empty()) out += "Connection: close\r\n";
  if (max_forwards) {
    out += "Max-Forwards: ";
    append_number(out, *max_forwards);
    out += "\r\n";
  }
  if (forwarding.edits != nullptr) out += forwarding.edits->added.lines();
  append_framing(out, head.framing);
  out += "\r\n";
}

namespace {

constexpr std::string_view kMapped = "::ffff:";

/// "1.2.3.4", "1.2.3.4:5", "::1", "[::1]" and "[::1]:5" as the IP alone, as RFC 5952 spells it; a
/// mapped IPv4 address as IPv4; empty for anything else.
std::string ip_of_element(std::string_view element) {
  std::string_view ip = element;
  if (element.starts_with('[')) {
    ip = element.substr(1, element.find(']') - 1);
  } else if (element.find(':') == element.rfind(':')) {
    ip = element.substr(0, element.find(':'));
  }
  const bool is_ipv6 = ip.find(':') != std::string_view::npos;
  const auto address = Address::parse(is_ipv6 ? concat({"[", ip, "]:1"}) : concat({ip, ":1"}));
  if (!address) return {};
  std::string text = address->ip_text();
  const bool is_mapped = text.starts_with(kMapped) && text.find('.') != std::string::npos;
  return is_mapped ? text.substr(kMapped.size()) : text;
}

}  // namespace

std::string original_client(const RequestHead& head, std::string_view peer_ip,
                            const std::function<bool(std::string_view)>& is_trusted) {
  std::string list;
  append_list(list, head, FieldName::x_forwarded_for);
  std::string_view left = list;
  std::string client(peer_ip);
  while (!left.empty() && is_trusted(client)) {
    const auto comma = left.rfind(',');
    const auto element = trim(comma == std::string_view::npos ? left : left.substr(comma + 1));
    left = comma == std::string_view::npos ? std::string_view() : left.substr(0, comma);
    if (element.empty()) continue;  // RFC 9110 5.6.1.2
    std::string ip = ip_of_element(element);
    if (ip.empty()) break;
    client = std::move(ip);
  }
  return client;
}

}  // namespace sluice::http
