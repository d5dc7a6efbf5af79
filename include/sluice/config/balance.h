// How a pool chooses the backend of a request.
#pragma once

#include <sluice/base/clock.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::config {

enum class BalancePolicy : uint8_t { round_robin, least_requests, random_two, hash, sticky_cookie };
/// In the order of BalancePolicy, as the file spells them.
inline constexpr std::array<std::string_view, 5> kBalancePolicies = {"round_robin", "least_requests",
                                                                     "random_two", "hash", "sticky_cookie"};

/// What requests of one kind have in common.
struct BalanceKey {
  enum class Of : uint8_t { client, path, header, cookie };
  Of of = Of::client;
  std::string name{};  ///< of the header or the cookie
  bool operator==(const BalanceKey&) const = default;
};

struct Balance {
  BalancePolicy policy = BalancePolicy::round_robin;
  unsigned priority_share =
      0;                     ///< percent of a priority's backends that are enough for it to take all; 0: any
  unsigned zone_share = 70;  ///< likewise of the backends in the process's own zone
  // Of hash:
  BalanceKey key{};
  unsigned bound = 125;  ///< percent of its fair share that a backend may have in flight; 0: no bound
  // Of sticky_cookie:
  std::string cookie = "sluice";                         ///< its name
  BalancePolicy otherwise = BalancePolicy::round_robin;  ///< chooses when the cookie does not
  Duration max_age{};                                    ///< 0: until the browser is closed
  bool secure = false;                                   ///< only to be sent over TLS
  std::string secret{};                                  ///< makes the cookie's values impossible to guess
  bool operator==(const Balance&) const = default;
};

/// As the file spells it: "client", "header:X-User".
std::string text(const BalanceKey& key);
std::string_view text(BalancePolicy policy);
/// The whole of it, as TOML.
std::string balance_text(const Balance& balance);

}  // namespace sluice::config
