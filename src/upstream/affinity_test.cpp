// Keys and cookies.
#include <sluice/upstream/affinity.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

const Address kAddress = *Address::parse("127.0.0.1:9001");

TEST_CASE("a cookie's value is 16 digits that lead back to the number") {
  for (const uint64_t id : {uint64_t{0}, uint64_t{0xab}, ~uint64_t{0}}) {
    CHECK(cookie_value(id).size() == 16);
    CHECK(cookie_id(cookie_value(id)) == id);
  }
  CHECK(cookie_value(0xab) == "00000000000000ab");
}

TEST_CASE("what is no value of ours is none") {
  for (const auto* value :
       {"", "ab", "00000000000000zz", "00000000000000ab0", "-0000000000000ab", "0x000000000000ab"}) {
    CHECK_FALSE(cookie_id(value));
  }
}

TEST_CASE("a backend's number says nothing of its address to who does not know the secret") {
  const config::Balance plain;
  const config::Balance secret{.secret = "0123456789abcdef"};
  CHECK(backend_id(plain, kAddress) == backend_id({}, kAddress));
  CHECK(backend_id(plain, kAddress) != backend_id(plain, kAddress.with_port(9002)));
  CHECK(backend_id(plain, kAddress) != backend_id(secret, kAddress));
  // Clients carry it from release to release.
  CHECK(cookie_value(backend_id(plain, kAddress)) == "7f1f25adcb958be3");
}

TEST_CASE("the cookie is for this site alone, and out of a script's reach") {
  CHECK(set_cookie({}, 0xab) == "sluice=00000000000000ab; Path=/; HttpOnly; SameSite=Lax");
  CHECK(set_cookie({.cookie = "s", .max_age = Duration{60'000}, .secure = true}, 0) ==
        "s=0000000000000000; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
}

}  // namespace
}  // namespace sluice::upstream
