#include <sluice/base/network.h>
#include <sluice/base/text.h>

#include <algorithm>
#include <optional>

namespace sluice {
namespace {

constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

/// The IP's bytes, of a mapped IPv4 address those four.
std::string_view plain_bytes(const Address& address) {
  const auto bytes = address.ip_bytes();
  return bytes.size() == 16 && bytes.starts_with(kMapped) ? bytes.substr(12) : bytes;
}

/// `bytes` with all bits behind the first `bits` cleared.
std::string masked(std::string_view bytes, unsigned bits) {
  std::string result(bytes);
  for (size_t i = 0; i < result.size(); ++i) {
    const unsigned kept = std::min(8U, bits - std::min(bits, static_cast<unsigned>(8 * i)));
    result[i] = static_cast<char>(static_cast<unsigned char>(result[i]) & (0xff00U >> kept));
  }
  return result;
}

bool share_bits(std::string_view one, std::string_view other, unsigned bits) {
  const size_t whole = bits / 8;
  if (one.substr(0, whole) != other.substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const unsigned different = static_cast<unsigned char>(one[whole] ^ other[whole]);
  return (different & (0xff00U >> (bits % 8)) & 0xffU) == 0;
}

/// A prefix length without sign or leading zeros.
std::optional<unsigned> parse_prefix(std::string_view text, unsigned most) {
  const auto bits = parse_unsigned(text);
  if (!bits || *bits > most || text.size() != std::to_string(*bits).size()) return std::nullopt;
  return static_cast<unsigned>(*bits);
}

Error expected(std::string_view what, std::string_view text) {
  return {.code = ErrorCode::invalid_config, .message = concat({"expected ", what, ", got \"", text, "\""})};
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = text.substr(0, slash);
  const bool is_ipv6 = ip.find(':') != std::string_view::npos;
  const auto address = Address::parse(is_ipv6 ? concat({"[", ip, "]:1"}) : concat({ip, ":1"}));
  if (!address || address->is_local()) {
    return expected("an IP address or a network such as \"10.0.0.0/8\"", text);
  }
  const unsigned most = is_ipv6 ? 128 : 32;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto given = parse_prefix(text.substr(slash + 1), most);
    if (!given) return expected(concat({"a prefix of 0 to ", std::to_string(most), " bits"}), text);
    bits = *given;
  }
  Network network;
  network.first_ = Address::ip(masked(address->ip_bytes(), bits), 0);
  network.prefix_bits_ = bits;
  network.is_nobody_ = false;
  if (network.first_.ip_bytes() != address->ip_bytes()) {
    return expected(concat({"no bits behind the prefix, as in \"", network.text(), "\""}), text);
  }
  // It would contain no address, since contains() takes mapped ones for IPv4.
  if (bits >= 96 && plain_bytes(network.first_).size() != address->ip_bytes().size()) {
    network.first_ = Address::ip(plain_bytes(*address), 0);
    network.prefix_bits_ = bits - 96;
    return expected(concat({"the IPv4 form of a mapped address, \"", network.text(), "\""}), text);
  }
  return network;
}

bool Network::contains(const Address& address) const {
  if (is_nobody_ || address.is_local()) return false;
  const auto bytes = plain_bytes(address);
  return bytes.size() == first_.ip_bytes().size() && share_bits(bytes, first_.ip_bytes(), prefix_bits_);
}

std::string Network::text() const {
  return concat({first_.ip_text(), "/", std::to_string(prefix_bits_)});
}

}  // namespace sluice
