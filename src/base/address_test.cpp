#include <sluice/base/address.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("an address is written as it is read") {
  for (const auto* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:8080", "[::]:0",
                           "[2001:db8::1]:443", "unix:/run/sluice/admin.sock", "unix:relative"}) {
    const auto address = Address::parse(text);
    REQUIRE(address);
    CHECK(address->text() == text);
    CHECK(*Address::parse(address->text()) == *address);
  }
  CHECK(Address().text() == "0.0.0.0:0");
}

TEST_CASE("what is no address is an error that says what was expected") {
  for (const auto* text : {"",
                           ":",
                           "80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           ":80",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:80x",
                           "1.2.3:80",
                           "1.2.3.4.5:80",
                           "256.0.0.1:80",
                           "::1:80",
                           "[::1]",
                           "[::1:80",
                           "::1]:80",
                           "[]:80",
                           "[127.0.0.1]:80",
                           "[::g]:80",
                           "[::1%lo]:80",
                           "localhost:80",
                           "unix:",
                           " 127.0.0.1:80"}) {
    const auto address = Address::parse(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().code == ErrorCode::invalid_config);
    CHECK(address.error().message.find("expected IP:PORT") != std::string::npos);
  }
}

TEST_CASE("a Unix socket's path fits what the kernel takes") {
  CHECK(Address::parse("unix:" + std::string(107, 'a')));
  CHECK_FALSE(Address::parse("unix:" + std::string(108, 'a')));
}

TEST_CASE("an address with a zero byte in it is none") {
  CHECK_FALSE(Address::parse(std::string_view("127.0.0.1\0x:80", 14)));
  CHECK_FALSE(Address::parse(std::string_view("unix:/a\0b", 9)));
}

TEST_CASE("the parts of an address") {
  const auto four = *Address::parse("127.0.0.1:80");
  CHECK(four.family() == Address::Family::ipv4);
  CHECK(four.ip_bytes() == std::string_view("\x7f\0\0\1", 4));
  CHECK(four.ip_text() == "127.0.0.1");
  CHECK(four.port() == 80);
  CHECK(four.with_port(81).text() == "127.0.0.1:81");
  CHECK(Address::ip(four.ip_bytes(), 80) == four);

  const auto six = *Address::parse("[::1]:80");
  CHECK(six.family() == Address::Family::ipv6);
  CHECK(six.ip_bytes().size() == 16);
  CHECK(six.ip_text() == "::1");
  CHECK(Address::ip(six.ip_bytes(), 80) == six);

  const auto local = *Address::parse("unix:/a");
  CHECK(local.is_local());
  CHECK(local.path() == "/a");
  CHECK(local.ip_bytes().empty());
  CHECK(local.ip_text() == "unix");
  CHECK(local == Address::local("/a"));
}

TEST_CASE("addresses that differ in anything are not equal") {
  const auto address = *Address::parse("127.0.0.1:80");
  CHECK(address != *Address::parse("127.0.0.1:81"));
  CHECK(address != *Address::parse("127.0.0.2:80"));
  CHECK(*Address::parse("0.0.0.0:80") != *Address::parse("[::]:80"));
  CHECK(Address::local("/a") != Address::local("/b"));
}

}  // namespace
}  // namespace sluice
