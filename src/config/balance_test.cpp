// How a pool chooses: what the file may say, what it means, and what is wrong with it.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

const std::string kStart =
    "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\nbackends = [\"127.0.0.1:9001\"]\n";

Balance balance(const std::string& value) {
  return valid(kStart + "balance = " + value).pools.at("shop")->balance;
}

TEST_CASE("a policy's name is enough") {
  for (size_t i = 0; i < kBalancePolicies.size(); ++i) {
    CHECK(balance("\"" + std::string(kBalancePolicies[i]) + "\"") ==
          Balance{.policy = static_cast<BalancePolicy>(i)});
  }
}

TEST_CASE("a table says what a policy goes by") {
  CHECK(balance("{ policy = \"hash\", key = \"header:X-User\", bound = 150 }") ==
        Balance{.policy = BalancePolicy::hash,
                .key = {.of = BalanceKey::Of::header, .name = "X-User"},
                .bound = 150});
  CHECK(balance("{ policy = \"hash\", key = \"cookie:session\", bound = 0 }").key ==
        BalanceKey{.of = BalanceKey::Of::cookie, .name = "session"});
  CHECK(balance("{ policy = \"hash\", key = \"path\" }").key.of == BalanceKey::Of::path);
  CHECK(balance(
            "{ policy = \"sticky_cookie\", cookie = \"s\", otherwise = \"least_requests\", max_age = \"1h\", "
            "secure = true, secret = \"0123456789abcdef\" }") ==
        Balance{.policy = BalancePolicy::sticky_cookie,
                .cookie = "s",
                .otherwise = BalancePolicy::least_requests,
                .max_age = 1h,
                .secure = true,
                .secret = "0123456789abcdef"});
  CHECK(balance("{ priority_share = 70, zone_share = 0 }") == Balance{.priority_share = 70, .zone_share = 0});
}

TEST_CASE("a backend has a priority, a zone and a bound, and the process a zone") {
  const Config config = valid(
      "[server]\nzone = \"a\"\n[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\n"
      "backends = [{ address = \"127.0.0.1:9001\", max_requests = 5, priority = 1, zone = \"b\" }]\n");
  CHECK(config.server.zone == "a");
  const Backend& backend = config.pools.at("shop")->backends[0];
  CHECK(backend.max_requests == 5);
  CHECK(backend.priority == 1);
  CHECK(backend.zone == "b");
}

TEST_CASE("what is printed reads as the same again") {
  for (const std::string value :
       {"\"random_two\"", "{ policy = \"hash\", key = \"cookie:c\", bound = 0, priority_share = 1 }",
        "{ policy = \"sticky_cookie\", otherwise = \"random_two\", secret = \"0123456789abcdef\" }",
        "{ zone_share = 100 }"}) {
    const Config config = valid(
        "[server]\nzone = \"z\"\n[[listener]]\nbind = \"127.0.0.1:80\"\n[pool.shop]\nbackends = "
        "[\"127.0.0.1:1\", "
        "{ address = \"127.0.0.1:2\", max_requests = 9, priority = 2, zone = \"z\" }]\nbalance = " +
        value);
    const Config again = valid(to_toml(config));
    CHECK(*again.pools.at("shop") == *config.pools.at("shop"));
    CHECK(again.server == config.server);
  }
}

TEST_CASE("mistakes in a balance are told where they are, with what was expected") {
  check(
      kStart,
      {{"balance = \"least_request\"",
        "6:11: pool.shop.balance: expected one of \"round_robin\", \"least_requests\", \"random_two\", "
        "\"hash\", "
        "\"sticky_cookie\", got \"least_request\""},
       {"balance = 3",
        "6:11: pool.shop.balance: expected the name of a policy or a table such as { policy = \"hash\", key "
        "= "
        "\"path\" }, got an integer"},
       {"balance = { policy = \"hash\", keys = \"path\" }",
        "6:30: pool.shop.balance.keys: unknown key, did you mean \"key\"?"},
       {"balance = { policy = \"hash\", key = \"header:\" }",
        "6:36: pool.shop.balance.key: expected \"client\", \"path\", \"header:NAME\" or \"cookie:NAME\", got "
        "\"header:\""},
       {"balance = { policy = \"hash\", bound = 99 }",
        "6:38: pool.shop.balance.bound: expected a percentage from 100 on, or 0 for no bound, got 99"},
       {"balance = { key = \"path\" }", "6:19: pool.shop.balance.key: only together with policy = \"hash\""},
       {"balance = { policy = \"hash\", cookie = \"x\" }",
        "6:39: pool.shop.balance.cookie: only together with policy = \"sticky_cookie\""},
       {"balance = { policy = \"sticky_cookie\", otherwise = \"hash\" }",
        "6:51: pool.shop.balance.otherwise: expected one of \"round_robin\", \"least_requests\", "
        "\"random_two\", "
        "got \"hash\""},
       {"balance = { policy = \"sticky_cookie\", cookie = \"a b\" }",
        "6:48: pool.shop.balance.cookie: expected the name of a cookie, such as \"sluice\", got \"a b\""},
       {"balance = { policy = \"sticky_cookie\", max_age = \"1500ms\" }",
        "6:49: pool.shop.balance.max_age: expected whole seconds: cookies know no less"},
       {"balance = { policy = \"sticky_cookie\", secret = \"short\" }",
        "6:48: pool.shop.balance.secret: expected at least 16 characters"},
       {"balance = { zone_share = 101 }",
        "6:26: pool.shop.balance.zone_share: expected a whole number from 0 to 100, got 101"}},
      "");
}

TEST_CASE("mistakes in what balance goes by are told, too") {
  const std::string start = "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\n";
  check(
      start,
      {{"backends = [{ address = \"127.0.0.1:1\", max_requests = 0 }]",
        "5:55: pool.shop.backends[0].max_requests: expected a whole number from 1 to 1000000, got 0"},
       {"backends = [{ address = \"127.0.0.1:1\", priority = 10 }]",
        "5:51: pool.shop.backends[0].priority: expected a whole number from 0 to 9, got 10"},
       {"backends = [{ address = \"127.0.0.1:1\", zone = \"a b\" }]",
        "5:47: pool.shop.backends[0].zone: expected a tag of at most 100 printable ASCII characters without "
        "spaces"}},
      "");
}

}  // namespace
}  // namespace sluice::config
