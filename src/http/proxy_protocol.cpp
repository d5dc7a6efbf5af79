#include <sluice/base/text.h>
#include <sluice/http/proxy_protocol.h>

#include <algorithm>
#include <vector>

namespace sluice::http {
namespace {

using Read = Result<std::optional<ProxyHeaderRead>>;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kLongest1 = 107;  // "PROXY TCP6 " with the longest of all, and CRLF
constexpr size_t kHead2 = 16;
constexpr size_t kLongest2 = 4096;

constexpr unsigned char kLocal = 0x20;  // version 2, and the command
constexpr unsigned char kProxy = 0x21;
constexpr unsigned char kTcp4 = 0x11;
constexpr unsigned char kTcp6 = 0x21;

Error malformed(const char* what) {
  return {.code = ErrorCode::malformed, .message = what, .origin = Origin::downstream};
}

unsigned char byte_at(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

/// A decimal port without leading zeros.
std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.size() > 5 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto number = parse_unsigned(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

std::optional<Address> parse_ip(std::string_view ip, std::string_view port, bool is_ipv6) {
  const auto number = parse_port(port);
  if (!number) return std::nullopt;
  const auto address = Address::parse(is_ipv6 ? concat({"[", ip, "]:1"}) : concat({ip, ":1"}));
  const auto family = is_ipv6 ? Address::Family::ipv6 : Address::Family::ipv4;
  if (!address || address->family() != family) return std::nullopt;
  return address->with_port(*number);
}

/// "TCP4 192.0.2.1 192.0.2.2 1000 80", or "UNKNOWN" and anything.
Result<ProxyHeader> parse_line(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  if (words[0] == "UNKNOWN") return ProxyHeader{};
  const bool is_ipv6 = words[0] == "TCP6";
  if (!is_ipv6 && words[0] != "TCP4") return malformed("a PROXY header of an unknown family");
  if (words.size() != 5) return malformed("a PROXY header that is not of five words");
  ProxyHeader header;
  header.source = parse_ip(words[1], words[3], is_ipv6);
  header.destination = parse_ip(words[2], words[4], is_ipv6);
  if (!header.source || !header.destination) return malformed("a PROXY header with a malformed address");
  return header;
}

Read read_v1(std::string_view bytes) {
  const auto room = bytes.substr(0, kLongest1);
  const auto end = room.find('\r');
  if (end == std::string_view::npos || end + 1 == room.size()) {
    if (bytes.size() >= kLongest1) return malformed("a PROXY header that is too long");
    return std::optional<ProxyHeaderRead>();
  }
  if (room[end + 1] != '\n') return malformed("a PROXY header without CRLF");
  auto header = parse_line(room.substr(kSignature1.size(), end - kSignature1.size()));
  if (!header) return std::move(header).error();
  return std::optional(ProxyHeaderRead{.header = *std::move(header), .length_bytes = end + 2});
}

Address address_in(std::string_view bytes, size_t ip_at, size_t ip_size, size_t port_at) {
  const unsigned port = (unsigned{byte_at(bytes, port_at)} << 8U) | byte_at(bytes, port_at + 1);
  return Address::ip(bytes.substr(ip_at, ip_size), static_cast<uint16_t>(port));
}

Read read_v2(std::string_view bytes) {
  if (bytes.size() > 12 && byte_at(bytes, 12) != kLocal && byte_at(bytes, 12) != kProxy) {
    return malformed("a PROXY header of an unknown version or command");
  }
  if (bytes.size() < kHead2) return std::optional<ProxyHeaderRead>();
  const size_t length = (size_t{byte_at(bytes, 14)} << 8U) | byte_at(bytes, 15);
  const size_t whole = kHead2 + length;
  if (whole > kLongest2) return malformed("a PROXY header that is too long");
  const unsigned char family = byte_at(bytes, 13);
  if ((family >> 4U) > 3 || (family & 15U) > 2) return malformed("a PROXY header of an unknown family");
  const bool has_addresses = byte_at(bytes, 12) == kProxy && (family == kTcp4 || family == kTcp6);
  const size_t ip_size = family == kTcp4 ? 4 : 16;
  if (has_addresses && length < 2 * ip_size + 4) return malformed("a PROXY header without its addresses");
  if (bytes.size() < whole) return std::optional<ProxyHeaderRead>();
  ProxyHeaderRead read{.header = {}, .length_bytes = whole};
  if (has_addresses) {
    const size_t ports = kHead2 + 2 * ip_size;
    read.header.source = address_in(bytes, kHead2, ip_size, ports);
    read.header.destination = address_in(bytes, kHead2 + ip_size, ip_size, ports + 2);
  }
  return std::optional(std::move(read));
}

bool begins(std::string_view bytes, std::string_view signature) {
  return bytes.substr(0, signature.size()) == signature.substr(0, bytes.size());
}

bool are_of_one_family(const Address& one, const Address& other) {
  return !one.is_local() && one.family() == other.family();
}

void append_port(std::string& out, uint16_t port) {
  out += static_cast<char>(port >> 8U);
  out += static_cast<char>(port & 0xffU);
}

}  // namespace

Read read_proxy_header(std::string_view bytes) {
  if (begins(bytes, kSignature2)) return read_v2(bytes);
  if (begins(bytes, kSignature1)) return read_v1(bytes);
  return malformed("no PROXY header");
}

std::string proxy_header_v1(const Address& source, const Address& destination) {
  if (!are_of_one_family(source, destination)) return "PROXY UNKNOWN\r\n";
  const std::string_view family = source.family() == Address::Family::ipv4 ? "TCP4 " : "TCP6 ";
  return concat({kSignature1, family, source.ip_text(), " ", destination.ip_text(), " ",
                 std::to_string(source.port()), " ", std::to_string(destination.port()), "\r\n"});
}

std::string proxy_header_v2(const Address& source, const Address& destination) {
  std::string out(kSignature2);
  if (!are_of_one_family(source, destination)) {
    out += static_cast<char>(kLocal);
    return out.append(3, '\0');
  }
  out += static_cast<char>(kProxy);
  out += static_cast<char>(source.family() == Address::Family::ipv4 ? kTcp4 : kTcp6);
  append_port(out, static_cast<uint16_t>(2 * source.ip_bytes().size() + 4));
  out += source.ip_bytes();
  out += destination.ip_bytes();
  append_port(out, source.port());
  append_port(out, destination.port());
  return out;
}

}  // namespace sluice::http
