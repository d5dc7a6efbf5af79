// Asks for the addresses of names: c-ares' one home. Never blocks, but for the moment of reading /etc/hosts.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/names.h>
#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace sluice::resolve {

/// Of addresses.
struct Families {
  bool ipv4 = false;
  bool ipv6 = false;
  bool operator==(const Families&) const = default;

  bool has(const Address& address) const { return is_ipv6(address) ? ipv6 : ipv4; }
  void add(const Address& address) { (is_ipv6(address) ? ipv6 : ipv4) = true; }

 private:
  static bool is_ipv6(const Address& address) { return address.family() == Address::Family::ipv6; }
};

struct Answer {
  std::vector<config::ResolvedAddress> places{};  ///< sorted by address, each once; never empty
  std::optional<Duration> lifetime{};             ///< the shortest of the records'; nothing: of no record
  /// Families that could not be looked up: `places` may lack some of their addresses.
  Families untold{};
};

/// One loop's.
class Resolver {
 public:
  Resolver(net::Loop& loop, const config::Resolver& settings);
  /// Callbacks that have not run by then never do.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The callback runs in a later turn. An error of code not_found when there is no such name (or none with
  /// an address), timed_out when no server answered in time, else failed.
  /// An answer of one family alone says little of the other: when that one is `expected`, it is asked for
  /// again, and either is known to be absent, or untold.
  using OnAnswer = std::function<void(Result<Answer>)>;
  void ask(const config::HostName& name, Families expected, OnAnswer on_answer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::resolve
