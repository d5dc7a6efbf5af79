// A valid configuration that is probably not meant so.
#include <algorithm>

#include "config/test_tools.h"

namespace sluice::config {
namespace {

std::vector<std::string> warnings_of(const std::string& toml) {
  const auto parsed = parse("[[listener]]\nbind = \"127.0.0.1:1\"\n" + toml, "x.toml");
  REQUIRE(std::holds_alternative<Config>(parsed));
  return warnings(std::get<Config>(parsed));
}

bool is_about(const std::vector<std::string>& warnings, std::string_view start) {
  return std::ranges::any_of(warnings, [&](const auto& each) { return each.starts_with(start); });
}

TEST_CASE("what a valid file probably does not mean is warned of") {
  const std::string pool = "[pool.a]\nbackends = [\"127.0.0.1:2\"]\n";
  CHECK(warnings_of(pool).empty());
  CHECK(warnings_of("[pool.a]\nbackends = [\"app.example:80\"]\n").empty());
  CHECK(is_about(warnings_of("[pool.a]\nbackends = []\n"), "pool.a: it has no backends"));
  const auto unused = warnings_of(pool + "[pool.b]\nbackends = [\"127.0.0.1:3\"]\n[[route]]\npool = \"a\"\n");
  REQUIRE(unused.size() == 1);
  CHECK(unused[0].starts_with("pool.b: no route leads to it"));
  const auto slow = warnings_of(pool + "health = { interval = \"1s\", timeout = \"2s\" }\n");
  REQUIRE(slow.size() == 1);
  CHECK(slow[0].starts_with("pool.a: health.timeout (2s) is above health.interval (1s)"));
  CHECK(warnings_of(pool + "health = false\n").empty());
}

TEST_CASE("a field's value that looks as if it had a variable is warned of, since it is sent as it stands") {
  const std::string pool = "[pool.a]\nbackends = [\"127.0.0.1:2\"]\n[[route]]\nname = \"r\"\npool = \"a\"\n";
  const auto with = [&](const std::string& value) {
    return warnings_of(pool + "request_fields = { set = { X-Real-IP = '" + value + "' } }\n");
  };
  for (const auto* value : {"{client}", "$remote_addr", "for={client.ip};by=x", "${host}", "a $b"}) {
    CAPTURE(value);
    REQUIRE(with(value).size() == 1);
    CHECK(is_about(with(value), "route r: request_fields: X-Real-IP gets the literal text"));
  }
  for (const auto* value :
       {"", "prod", "$", "5$", "$5.00", "{}", "{\"group\": \"a\"}", "{ a }", "a{b", "a}"}) {
    CAPTURE(value);
    CHECK(with(value).empty());
  }
  CHECK(is_about(warnings_of(pool + "response_fields = { add = { X-Id = [\"a\", \"{id}\"] } }\n"),
                 "route r: response_fields: X-Id gets"));
}

}  // namespace
}  // namespace sluice::config
