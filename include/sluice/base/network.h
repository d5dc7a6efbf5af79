// A block of IP addresses, as in "10.0.0.0/8". A plain value.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/result.h>

#include <string>
#include <string_view>

namespace sluice {

class Network {
 public:
  /// Contains no address.
  Network() = default;

  /// "10.0.0.0/8", "2001:db8::/32", or an address alone. The error's message says what was expected; bits
  /// behind the prefix are an error that names the block without them, and a block of mapped IPv4 addresses
  /// is one that names its IPv4 form.
  static Result<Network> parse(std::string_view text);

  /// An IPv4 address that is mapped into IPv6 (::ffff:a.b.c.d, RFC 4291 2.5.5.2) counts as IPv4, and
  /// only so: "::/0" does not contain it, whatever socket the client came in on.
  bool contains(const Address& address) const;
  /// As parse() takes it, the prefix always written.
  std::string text() const;

  bool operator==(const Network&) const = default;

 private:
  Address first_{};
  unsigned prefix_bits_ = 0;
  bool is_nobody_ = true;
};

}  // namespace sluice
