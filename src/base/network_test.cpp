// Blocks of addresses: what they take in, and what is no block.
#include <sluice/base/network.h>

#include <string>
#include <utility>

#include <doctest/doctest.h>

namespace sluice {
namespace {

bool contains(const char* network, const char* address) {
  const auto parsed = Network::parse(network);
  REQUIRE(parsed);
  const auto where = Address::parse(address);
  REQUIRE(where);
  return parsed->contains(*where);
}

TEST_CASE("a network takes in the addresses that share its prefix") {
  CHECK(contains("10.0.0.0/8", "10.255.1.2:80"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0:80"));
  CHECK(contains("192.0.2.128/25", "192.0.2.129:1"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127:1"));
  CHECK(contains("0.0.0.0/0", "8.8.8.8:1"));
  CHECK(contains("192.0.2.7", "192.0.2.7:1"));
  CHECK_FALSE(contains("192.0.2.7", "192.0.2.8:1"));
  CHECK(contains("2001:db8::/33", "[2001:db8:7fff::1]:1"));
  CHECK_FALSE(contains("2001:db8::/33", "[2001:db8:8000::1]:1"));
  CHECK(contains("::1", "[::1]:1"));
  CHECK(contains("10.0.0.0/8", "[::ffff:10.1.2.3]:1"));
  CHECK_FALSE(contains("10.0.0.0/8", "[::ffff:11.1.2.3]:1"));
  CHECK(contains("0.0.0.0/0", "[::ffff:11.1.2.3]:1"));
  CHECK_FALSE(contains("::/0", "10.0.0.1:1"));
  CHECK_FALSE(contains("::/0", "[::ffff:10.0.0.1]:1"));
  CHECK(contains("::/0", "[2001:db8::1]:1"));
  CHECK_FALSE(contains("0.0.0.0/0", "[2001:db8::1]:1"));
  CHECK_FALSE(contains("0.0.0.0/0", "unix:/run/x"));
  CHECK_FALSE(Network().contains(*Address::parse("0.0.0.0:0")));
}

TEST_CASE("a prefix of any length ends at its very bit") {
  for (const auto& [ip, most] :
       {std::pair{"255.255.255.255", 32U}, std::pair{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128U}}) {
    const auto all_ones = Address::parse(most == 32 ? std::string(ip) + ":1" : "[" + std::string(ip) + "]:1");
    REQUIRE(all_ones);
    for (unsigned bits = 0; bits <= most; ++bits) {
      CAPTURE(bits);
      std::string first(all_ones->ip_bytes());
      for (size_t bit = bits; bit < most; ++bit) first[bit / 8] &= static_cast<char>(~(0x80 >> (bit % 8)));
      const auto network = Network::parse(Address::ip(first, 0).ip_text() + "/" + std::to_string(bits));
      REQUIRE(network);
      CHECK(network->contains(*all_ones));
      CHECK(network->contains(Address::ip(first, 7)));
      if (bits == 0) continue;
      first[(bits - 1) / 8] ^= static_cast<char>(0x80 >> ((bits - 1) % 8));
      CHECK_FALSE(network->contains(Address::ip(first, 7)));
    }
  }
}

TEST_CASE("a network has one spelling") {
  CHECK(Network::parse("10.0.0.0/8")->text() == "10.0.0.0/8");
  CHECK(Network::parse("192.0.2.7")->text() == "192.0.2.7/32");
  CHECK(Network::parse("2001:0db8::/32")->text() == "2001:db8::/32");
  CHECK(*Network::parse("10.0.0.0/8") == *Network::parse("10.0.0.0/8"));
}

TEST_CASE("what is no network is refused, and says what was expected") {
  for (const char* bad : {"", "x", "unix", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129",
                          "10.0.0.0/8/8", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "/8",
                          "::1%lo", "10.0.0.0/18446744073709551624", "10.0.0.1:80", "[::1]", "unix:/x"}) {
    CAPTURE(bad);
    CHECK_FALSE(Network::parse(bad));
  }
  const auto host_bits = Network::parse("10.1.2.3/8");
  REQUIRE_FALSE(host_bits);
  CHECK(host_bits.error().message ==
        "expected no bits behind the prefix, as in \"10.0.0.0/8\", got \"10.1.2.3/8\"");
  const auto too_long = Network::parse("10.0.0.0/33");
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().message == "expected a prefix of 0 to 32 bits, got \"10.0.0.0/33\"");
  const auto mapped = Network::parse("::ffff:10.0.0.0/104");
  REQUIRE_FALSE(mapped);
  CHECK(mapped.error().message ==
        "expected the IPv4 form of a mapped address, \"10.0.0.0/8\", got \"::ffff:10.0.0.0/104\"");
}

}  // namespace
}  // namespace sluice
