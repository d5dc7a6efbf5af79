// Routes that go to several pools, or take only requests with a header or a cookie.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

const std::string kPools =
    "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.blue]\nbackends = [\"127.0.0.1:9001\"]\n"
    "[pool.green]\nbackends = [\"127.0.0.1:9002\"]\n";

std::vector<Route> routes(const std::string& toml) {
  return valid(kPools + toml).routes;
}

TEST_CASE("a route's requests are split between pools by weight") {
  const auto all = routes("[[route]]\nname = \"shop\"\npool = { green = 10, blue = 90 }\n");
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == "shop");
  CHECK(all[0].pool.empty());
  CHECK(all[0].split == std::vector<PoolShare>{{"blue", 90}, {"green", 10}});
  CHECK(shares_text(shares(all[0])) == "blue=90 green=10");
  CHECK(shares_text(shares(routes("[[route]]\npool = \"green\"\n")[0])) == "green");
}

TEST_CASE("routes of the same host and path are told apart by header and cookie") {
  const auto all = routes(
      "[[route]]\npool = \"blue\"\n"
      "[[route]]\nheader = { name = \"X-Canary\" }\npool = \"green\"\n"
      "[[route]]\nheader = { name = \"X-Canary\", value = \"no\" }\npool = \"blue\"\n"
      "[[route]]\ncookie = { name = \"canary\", value = \"\" }\npool = \"green\"\n");
  REQUIRE(all.size() == 4);
  CHECK(all[1].header == FieldMatch{.name = "X-Canary"});
  CHECK(all[2].header == FieldMatch{.name = "X-Canary", .value = "no"});
  CHECK(all[3].cookie == FieldMatch{.name = "canary", .value = ""});
}

TEST_CASE("what is printed of such routes reads as the same again") {
  const Config config =
      valid(kPools +
            "[[route]]\nname = \"a.b\"\ncookie = { name = \"c\" }\npool = \"blue\"\n"
            "[[route]]\nheader = { name = \"h\", value = \"a\\\"b\" }\npool = { blue = 1, green = 0 }\n");
  CHECK(valid(to_toml(config)).routes == config.routes);
}

TEST_CASE("mistakes in splits and conditions are told where they are") {
  check(
      kPools,
      {{"[[route]]\npool = { blue = 1, gren = 2 }",
        "9:27: route[0].pool.gren: there is no [pool.gren], did you mean \"green\"?"},
       {"[[route]]\npool = { blue = 1001 }",
        "9:17: route[0].pool.blue: expected a whole number from 0 to 1000, got 1001"},
       {"[[route]]\npool = { blue = 0, green = 0 }",
        "9:8: route[0].pool: expected at least one pool with a weight above 0"},
       {"[[route]]\npool = {}", "9:8: route[0].pool: expected at least one pool with a weight above 0"},
       {"[[route]]\npool = 1",
        "9:8: route[0].pool: expected the name of a pool, or pools with their parts such as { blue = 90, "
        "green = "
        "10 }, got an integer"},
       {"[[route]]\npool = \"bleu\"", "9:8: route[0].pool: there is no [pool.bleu], did you mean \"blue\"?"},
       {"[[route]]\npool = \"blue\"\nname = \"a b\"",
        "10:8: route[0].name: expected a name of at most 100 letters, digits, '.', '_' and '-'"},
       {"[[route]]\npool = \"blue\"\nname = \"a\"\n[[route]]\npath = \"/x\"\npool = \"blue\"\nname = \"a\"",
        "14:8: route[1].name: another route has this name already"},
       {"[[route]]\npool = \"blue\"\nheader = { value = \"1\" }",
        "10:10: route[0].header.name: missing: expected the name of a header"},
       {"[[route]]\npool = \"blue\"\ncookie = { name = \"a;b\" }",
        "10:19: route[0].cookie.name: expected the name of a cookie, got \"a;b\""},
       {"[[route]]\npool = \"blue\"\nheader = { name = \"X\" }\n[[route]]\nheader = { name = \"x\" }\npool = "
        "\"green\"",
        "11:1: route[1].path: another route has the same host, path, header and cookie already"}},
      "");
}

}  // namespace
}  // namespace sluice::config
