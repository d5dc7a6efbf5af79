// Numbers for texts: the same in every worker, process and release, since clients carry some of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::balance {

/// SipHash-2-4. With a secret key a client cannot find the text, or make one with a number of its choice.
struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
};
uint64_t hash(std::string_view text, HashKey key = {});

/// Of a secret of any length.
HashKey hash_key(std::string_view secret);

}  // namespace sluice::balance
