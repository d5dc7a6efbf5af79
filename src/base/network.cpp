#include <sluice/base/network.h>
#include <sluice/base/text.h>

#include <algorithm>

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
    const auto given = parse_unsigned(text.substr(slash + 1));
    if (!given || *given > most) {
      return expected(concat({"a prefix of 0 to ", std::to_string(most), " bits"}), text);
    }
    bits = static_cast<unsigned>(*given);
  }
  Network network;
  network.first_ = Address::ip(masked(address->ip_bytes(), bits), 0);
  network.prefix_bits_ = bits;
  network.is_nobody_ = false;
  if (network.first_.ip_bytes() != address->ip_bytes()) {
    return expected(concat({"no bits behind the prefix, as in \"", network.text(), "\""}), text);
  }
  return network;
}

bool Network::contains(const Address& address) const {
  if (is_nobody_ || address.is_local()) return false;
  const auto all = address.ip_bytes();
  const auto bytes = first_.ip_bytes().size() == 4 ? plain_bytes(address) : all;
  return bytes.size() == first_.ip_bytes().size() && masked(bytes, prefix_bits_) == first_.ip_bytes();
}

std::string Network::text() const {
  return concat({first_.ip_text(), "/", std::to_string(prefix_bits_)});
}

}  // namespace sluice
