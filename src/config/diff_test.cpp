// What a reload would change, in lines for people.
#include <sluice/config/diff.h>
#include <sluice/config/share.h>

#include "config/test_tools.h"

namespace sluice::config {
namespace {

/// The lines, each with its end, of what the second file has otherwise than the first.
std::string told(std::string_view before, std::string_view after) {
  std::string all;
  for (const auto& line : differences(valid(before), valid(after))) all += line + "\n";
  return all;
}

std::string file(const std::string& more) {
  return std::string(kSmallest) + more;
}

TEST_CASE("two files that say the same in other words differ in nothing") {
  CHECK(told(kSmallest, kSmallest) == "");
  CHECK(told(kSmallest, file("[limits]\nhead = \"32768B\"\n[[route]]\npool = \"shop\"")) == "");
}

TEST_CASE("backends that come, go and change are told one by one") {
  const std::string listener = "[[listener]]\nbind = \"127.0.0.1:8080\"\n[pool.shop]\nbackends = ";
  CHECK(told(listener + "[\"127.0.0.1:1\", \"127.0.0.1:2\"]",
             listener + "[{ address = \"127.0.0.1:2\", weight = 5, version = \"v2\" }, \"127.0.0.1:3\"]") ==
        "~ backend shop 127.0.0.1:2: weight=5 version=v2 (was as by default)\n"
        "+ backend shop 127.0.0.1:3\n"
        "- backend shop 127.0.0.1:1\n");
}

TEST_CASE("a drain is a difference") {
  const Config before = valid(kSmallest);
  Config after = before;
  Pool pool = *after.pools.at("shop");
  pool.backends[0].drain = true;
  after.pools["shop"] = std::make_shared<Pool>(pool);
  CHECK(differences(before, after) ==
        std::vector<std::string>{"~ backend shop 127.0.0.1:9001: draining (was as by default)"});
}

TEST_CASE("a key that changes, comes or goes is told with what it was, whatever table it is in") {
  CHECK(told(file("[limits]\nhead = \"64KiB\""), kSmallest) ==
        "~ limits: head = \"32KiB\" (was \"64KiB\")\n");
  CHECK(told(kSmallest, file("[[route]]\nhost = \"a.example\"\npool = \"shop\"\nrewrite_host = \"b\"\n"
                             "[[route]]\npool = \"shop\"")) == "+ route a.example/\n");
  const std::string route = "[[route]]\npool = \"shop\"\n";
  CHECK(told(file(route + "rewrite_host = \"b\""), file(route)) ==
        "~ route /: rewrite_host not set (was \"b\")\n");
  CHECK(told(file(route), file(route + "rewrite_host = \"b\"")) ==
        "~ route /: rewrite_host = \"b\" (was not set)\n");
  CHECK(told(kSmallest, file("queue = { max = 2 }")) ==
        "~ pool shop: queue = { max = 2, timeout = \"5s\" } (was { max = 1024, timeout = \"5s\" })\n");
  CHECK(told(kSmallest, file("[server]\nstate_file = \"/s\"")) ==
        "~ server: state_file = \"/s\" (was not set)\n");
}

TEST_CASE("listeners and pools that come and go are told") {
  CHECK(told(kSmallest,
             "[[listener]]\nbind = \"127.0.0.1:8081\"\n[pool.new]\nbackends = "
             "[\"127.0.0.1:9001\"]\n") ==
        "+ listener 127.0.0.1:8081\n"
        "~ route /: pool = \"new\" (was \"shop\")\n"
        "- listener 127.0.0.1:8080\n"
        "+ pool new\n"
        "+ backend new 127.0.0.1:9001\n"
        "- pool shop\n");
}

TEST_CASE("an error page whose file has another text is told") {
  const auto with_body = [](const std::string& body) {
    Config config = valid(kSmallest);
    config.errors[503] =
        std::make_shared<ErrorPage>(ErrorPage{.path = "/p", .content_type = "text/html", .body = body});
    return config;
  };
  CHECK(differences(with_body("a"), with_body("a")).empty());
  CHECK(differences(with_body("a"), with_body("b")) ==
        std::vector<std::string>{"~ errors: 503 has another text"});
}

}  // namespace
}  // namespace sluice::config
