// A pool's balance: the name of a policy, or a table of what it goes by.
#include <sluice/base/text.h>

#include <algorithm>
#include <chrono>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

using Of = BalanceKey::Of;

constexpr unsigned kLeastBound = 100;  // Below it some request would find no backend.
constexpr unsigned kMostBound = 10'000;
constexpr size_t kLeastSecret = 16;
constexpr std::string_view kHeader = "header:";
constexpr std::string_view kCookie = "cookie:";
constexpr std::array<std::string_view, 2> kOfHash = {"key", "bound"};
constexpr std::array<std::string_view, 5> kOfSticky = {"cookie", "otherwise", "max_age", "secure", "secret"};

std::vector<std::string_view> policy_words(size_t count) {
  return {kBalancePolicies.begin(), kBalancePolicies.begin() + count};
}

/// Nothing when it is none.
std::optional<BalanceKey> parse_key(std::string_view text) {
  if (text == "client") return BalanceKey{.of = Of::client};
  if (text == "path") return BalanceKey{.of = Of::path};
  for (const auto& [prefix, of] : {std::pair(kHeader, Of::header), std::pair(kCookie, Of::cookie)}) {
    if (!text.starts_with(prefix)) continue;
    const auto name = text.substr(prefix.size());
    if (is_token(name)) return BalanceKey{.of = of, .name = std::string(name)};
  }
  return std::nullopt;
}

void read_key(Reader& reader, BalanceKey& key) {
  std::string text;
  if (!reader.read("key", text)) return;
  if (const auto parsed = parse_key(text)) {
    key = *parsed;
    return;
  }
  reader.expected("key", "\"client\", \"path\", \"header:NAME\" or \"cookie:NAME\"",
                  concat({"\"", text, "\"", hint(text, {"client", "path"})}));
}

void read_hash(Reader& reader, Balance& balance) {
  read_key(reader, balance.key);
  reader.read_number("bound", balance.bound, 0, kMostBound);
  if (balance.bound != 0 && balance.bound < kLeastBound) {
    reader.expected("bound", "a percentage from 100 on, or 0 for no bound", std::to_string(balance.bound));
  }
}

void read_sticky(Reader& reader, Balance& balance) {
  if (reader.read("cookie", balance.cookie) && !is_token(balance.cookie)) {
    reader.expected("cookie", "the name of a cookie, such as \"sluice\"",
                    concat({"\"", balance.cookie, "\""}));
  }
  if (const auto word = reader.read_word("otherwise", policy_words(3))) {
    balance.otherwise = static_cast<BalancePolicy>(*word);
  }
  reader.read_duration("max_age", balance.max_age, Reader::Zero::allowed);
  if (balance.max_age % std::chrono::seconds(1) != Duration::zero()) {
    reader.problem("max_age", "expected whole seconds: cookies know no less");
  }
  reader.read("secure", balance.secure);
  if (reader.read("secret", balance.secret) && balance.secret.size() < kLeastSecret) {
    reader.problem("secret", concat({"expected at least ", std::to_string(kLeastSecret), " characters"}));
  }
}

template <size_t kCount>
void check_foreign(Reader& reader, const std::array<std::string_view, kCount>& keys,
                   std::string_view policy) {
  for (const auto key : keys) {
    if (reader.take(key) == nullptr) continue;
    reader.problem(key, concat({"only together with policy = \"", policy, "\""}));
  }
}

void read_table(Reader reader, Balance& balance) {
  const size_t problems_before = reader.report().problems.size();
  if (const auto word = reader.read_word("policy", policy_words(kBalancePolicies.size()))) {
    balance.policy = static_cast<BalancePolicy>(*word);
  }
  const bool is_known = reader.report().problems.size() == problems_before;
  if (balance.policy == BalancePolicy::hash || !is_known) read_hash(reader, balance);
  if (balance.policy == BalancePolicy::sticky_cookie || !is_known) read_sticky(reader, balance);
  if (is_known && balance.policy != BalancePolicy::hash) check_foreign(reader, kOfHash, "hash");
  if (is_known && balance.policy != BalancePolicy::sticky_cookie) {
    check_foreign(reader, kOfSticky, "sticky_cookie");
  }
  reader.read_number("priority_share", balance.priority_share, 0, 100);
  reader.read_number("zone_share", balance.zone_share, 0, 100);
  reader.finish();
}

}  // namespace

void parse_balance(Reader& pool, Balance& balance) {
  const Value* given = pool.take("balance");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::table) {
    return read_table(Reader(*given, pool.key_path("balance"), pool.report()), balance);
  }
  if (given->kind != Value::Kind::string) {
    return pool.expected("balance",
                         "the name of a policy or a table such as { policy = \"hash\", key = \"path\" }",
                         given->kind_words());
  }
  if (const auto word = pool.read_word("balance", policy_words(kBalancePolicies.size()))) {
    balance.policy = static_cast<BalancePolicy>(*word);
  }
}

std::string text(const BalanceKey& key) {
  switch (key.of) {
    case Of::client:
      return "client";
    case Of::path:
      return "path";
    case Of::header:
      return concat({kHeader, key.name});
    case Of::cookie:
      return concat({kCookie, key.name});
  }
  return {};
}

}  // namespace sluice::config
