// SipHash-2-4 against the vectors of its authors.
#include <sluice/balance/hash.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::balance {
namespace {

TEST_CASE("texts hash as the paper's vectors say") {
  const HashKey key{.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908};
  std::string text;
  CHECK(hash(text, key) == 0x726fdb47dd0e0e31);
  text += '\0';
  CHECK(hash(text, key) == 0x74f839c593dc67fd);
  for (char c = 1; c < 15; ++c) text += c;
  CHECK(hash(text, key) == 0xa129ca6149be45e5);
}

TEST_CASE("a secret changes all numbers") {
  CHECK(hash("127.0.0.1:9001", hash_key("one")) != hash("127.0.0.1:9001", hash_key("other")));
  CHECK(hash("127.0.0.1:9001", hash_key("one")) == hash("127.0.0.1:9001", hash_key("one")));
}

}  // namespace
}  // namespace sluice::balance
