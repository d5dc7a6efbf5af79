#include <sluice/base/text.h>
#include <sluice/http/proxy_protocol.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace sluice::http {
namespace {

using Read = Result<std::optional<ProxyHeaderRead>>;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kLongest1 = 107;  // "PROXY UNKNOWN " with two of the longest addresses and ports, and CRLF
constexpr std::string_view kKinds1[] = {"TCP4 ", "TCP6 ", "UNKNOWN ", "UNKNOWN\r"};
constexpr size_t kCommandAt = 12;
constexpr size_t kFamilyAt = 13;
constexpr size_t kHead2 = 16;
constexpr size_t kLongest2 = 4096;

constexpr unsigned char kLocal = 0x20;  // version 2, and the command
constexpr unsigned char kProxy = 0x21;
constexpr unsigned char kTcp4 = 0x11;
constexpr unsigned char kTcp6 = 0x21;
constexpr size_t kAddressSizes2[] = {0, 12, 36, 216};                          // of UNSPEC, INET, INET6, UNIX
constexpr std::string_view kMappedPrefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);  // RFC 4291 2.5.5.2

Error malformed_header(const char* what) {
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
  if (words.size() != 5) return malformed_header("a PROXY header that is not of five words");
  ProxyHeader header;
  header.source = parse_ip(words[1], words[3], is_ipv6);
  header.destination = parse_ip(words[2], words[4], is_ipv6);
  if (!header.source || !header.destination)
    return malformed_header("a PROXY header with a malformed address");
  return header;
}

bool begins(std::string_view bytes, std::string_view with) {
  return bytes.substr(0, with.size()) == with.substr(0, bytes.size());
}

Read read_v1(std::string_view bytes) {
  const auto room = bytes.substr(0, kLongest1);
  const auto kind = room.substr(std::min(room.size(), kSignature1.size()));
  if (std::none_of(std::begin(kKinds1), std::end(kKinds1), [&](auto each) { return begins(kind, each); })) {
    return malformed_header("a PROXY header of an unknown family");
  }
  const auto end = room.find_first_of("\r\n");
  const bool has_return = end != std::string_view::npos && room[end] == '\r';
  if (end != std::string_view::npos && !has_return) return malformed_header("a PROXY header without CRLF");
  if (!has_return || end + 1 == room.size()) {
    if (room.size() == kLongest1) return malformed_header("a PROXY header that is too long");
    return std::optional<ProxyHeaderRead>();
  }
  if (room[end + 1] != '\n') return malformed_header("a PROXY header without CRLF");
  auto header = parse_line(room.substr(kSignature1.size(), end - kSignature1.size()));
  if (!header) return std::move(header).error();
  return std::optional(ProxyHeaderRead{.header = *std::move(header), .length_bytes = end + 2});
}

Address address_in(std::string_view bytes, size_t ip_at, size_t ip_size, size_t port_at) {
  const unsigned port = (unsigned{byte_at(bytes, port_at)} << 8U) | byte_at(bytes, port_at + 1);
  return Address::ip(bytes.substr(ip_at, ip_size), static_cast<uint16_t>(port));
}

/// Whether version 2 knows this family and protocol.
bool is_known(unsigned char family) {
  return (family >> 4U) <= 3 && (family & 15U) <= 2;
}

Read read_v2(std::string_view bytes) {
  if (bytes.size() <= kCommandAt) return std::optional<ProxyHeaderRead>();
  const unsigned char command = byte_at(bytes, kCommandAt);
  if (command != kLocal && command != kProxy) {
    return malformed_header("a PROXY header of an unknown version or command");
  }
  if (bytes.size() <= kFamilyAt) return std::optional<ProxyHeaderRead>();
  // LOCAL names no client: its family must not matter.
  const unsigned char family = command == kLocal ? 0 : byte_at(bytes, kFamilyAt);
  if (!is_known(family)) return malformed_header("a PROXY header of an unknown family");
  if (bytes.size() < kHead2) return std::optional<ProxyHeaderRead>();
  const size_t length = (size_t{byte_at(bytes, 14)} << 8U) | byte_at(bytes, 15);
  const size_t whole = kHead2 + length;
  if (whole > kLongest2) return malformed_header("a PROXY header that is too long");
  const bool is_unspecified = (family & 15U) == 0;
  if (!is_unspecified && length < kAddressSizes2[family >> 4U]) {
    return malformed_header("a PROXY header without its addresses");
  }
  if (bytes.size() < whole) return std::optional<ProxyHeaderRead>();
  ProxyHeaderRead read{.header = {}, .length_bytes = whole};
  if (family == kTcp4 || family == kTcp6) {
    const size_t ip_size = family == kTcp4 ? 4 : 16;
    const size_t ports = kHead2 + 2 * ip_size;
    read.header.source = address_in(bytes, kHead2, ip_size, ports);
    read.header.destination = address_in(bytes, kHead2 + ip_size, ip_size, ports + 2);
  }
  return std::optional(std::move(read));
}

/// The two as they are written: of one family, an IPv4 address mapped into IPv6 when the other is of that.
/// Nothing when one is no IP address.
std::optional<std::pair<Address, Address>> in_one_family(const Address& source, const Address& destination) {
  if (source.is_local() || destination.is_local()) return std::nullopt;
  if (source.family() == destination.family()) return std::pair(source, destination);
  const auto mapped = [](const Address& address) {
    if (address.family() == Address::Family::ipv6) return address;
    return Address::ip(concat({kMappedPrefix, address.ip_bytes()}), address.port());
  };
  return std::pair(mapped(source), mapped(destination));
}

void append_big_endian(std::string& out, uint16_t number) {
  out += static_cast<char>(number >> 8U);
  out += static_cast<char>(number & 0xffU);
}

}  // namespace

Read read_proxy_header(std::string_view bytes) {
  if (begins(bytes, kSignature2)) return read_v2(bytes);
  if (begins(bytes, kSignature1)) return read_v1(bytes);
  return malformed_header("no PROXY header");
}

std::string proxy_header_v1(const Address& source, const Address& destination) {
  const auto both = in_one_family(source, destination);
  if (!both) return "PROXY UNKNOWN\r\n";
  const auto& [from, to] = *both;
  const std::string_view family = from.family() == Address::Family::ipv4 ? "TCP4 " : "TCP6 ";
  return concat({kSignature1, family, from.ip_text(), " ", to.ip_text(), " ", std::to_string(from.port()),
                 " ", std::to_string(to.port()), "\r\n"});
}

std::string proxy_header_v2(const Address& source, const Address& destination) {
  std::string out(kSignature2);
  const auto both = in_one_family(source, destination);
  if (!both) {  // LOCAL, since a receiver may turn PROXY without addresses away.
    out += static_cast<char>(kLocal);
    return out.append(3, '\0');
  }
  const auto& [from, to] = *both;
  out += static_cast<char>(kProxy);
  out += static_cast<char>(from.family() == Address::Family::ipv4 ? kTcp4 : kTcp6);
  append_big_endian(out, static_cast<uint16_t>(2 * from.ip_bytes().size() + 4));
  out += from.ip_bytes();
  out += to.ip_bytes();
  append_big_endian(out, from.port());
  append_big_endian(out, to.port());
  return out;
}

}  // namespace sluice::http
