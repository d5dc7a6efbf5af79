// Backends given by name, and which servers are asked for their addresses.
#include <sluice/config/diff.h>
#include <sluice/config/names.h>

#include "config/test_tools.h"

namespace sluice::config {
namespace {

constexpr std::string_view kListener = "[[listener]]\nbind = \"127.0.0.1:8080\"\n";

std::string pool_with(const std::string& backends, const std::string& more = "") {
  return std::string(kListener) + "[pool.shop]\nbackends = [" + backends + "]\n" + more;
}

TEST_CASE("what is no address but has a host and a port is a name") {
  const auto name = parse_host_name("App.Internal:8080");
  REQUIRE(name);
  CHECK(name->host == "app.internal");
  CHECK(name->port == 8080);
  CHECK_FALSE(name->is_srv());
  CHECK(name->text() == "app.internal:8080");
  CHECK(parse_host_name("localhost:1"));
  CHECK(parse_host_name("1.a:1"));
  REQUIRE(parse_host_name("App.Internal.:8080"));
  CHECK(parse_host_name("App.Internal.:8080")->text() == "app.internal.:8080");
  CHECK(parse_host_name("srv:_http._tcp.app.internal."));
  for (const auto text :
       {"localhost", "localhost:0", "localhost:65536", "localhost:http", "10.0.0.256:80", "[::1]:80",
        "unix:/a", "a b:1", ":1", "a..b:1", "10.1:80", "10.1.:80", "a..:1", ".:1", "srv:.", ""}) {
    CAPTURE(text);
    CHECK_FALSE(parse_host_name(text));
  }
}

TEST_CASE("SRV records are asked for with srv:, and bring their own ports") {
  const auto name = parse_host_name("srv:_http._tcp.App.internal");
  REQUIRE(name);
  CHECK(name->is_srv());
  CHECK(name->host == "_http._tcp.app.internal");
  CHECK(name->text() == "srv:_http._tcp.app.internal");
  CHECK_FALSE(parse_host_name("srv:"));
}

TEST_CASE("a pool has names beside addresses, with what their backends share") {
  const Config config =
      valid(pool_with("\"127.0.0.1:1\", \"a.b:80\", { address = \"srv:_x._tcp.b\", version = \"v2\" }, "
                      "{ address = \"c:1\", weight = 7, zone = \"z\" }",
                      "resolve_interval = \"5s\"\n[resolver]\nservers = [\"127.0.0.1:53\", \"[::1]:54\"]\n"
                      "timeout = \"1s\"\nattempts = 3\nfamily = \"ipv4\""));
  const Pool& pool = *config.pools.at("shop");
  CHECK(pool.backends.size() == 1);
  REQUIRE(pool.names.size() == 3);
  CHECK(pool.names[0].name.text() == "a.b:80");
  CHECK(pool.names[1].like.version == "v2");
  CHECK(pool.names[2].like.weight == 7);
  CHECK(pool.names[2].like.zone == "z");
  CHECK(pool.resolve_interval == Duration{5000});
  CHECK(config.resolver.servers.size() == 2);
  CHECK(config.resolver.family == Resolver::Family::ipv4);
  const Config again = valid(to_toml(config));
  CHECK(*again.pools.at("shop") == pool);
  CHECK(again.resolver == config.resolver);
}

TEST_CASE("an address that a name led to is told, but is none of the file's") {
  Config config = valid(pool_with("\"a.b:80\""));
  auto pool = std::make_shared<Pool>(*config.pools.at("shop"));
  pool->backends.push_back({.address = Address::parse("10.0.0.1:80").value(), .name = "a.b:80"});
  config.pools["shop"] = pool;
  const std::string toml = to_toml(config);
  CHECK(toml.find("# a.b:80 is 10.0.0.1:80\n") != std::string::npos);
  CHECK(valid(toml).pools.at("shop")->backends.empty());
}

TEST_CASE("mistakes in names, and in whom to ask") {
  check(std::string(kListener) + "[pool.shop]",
        {{"backends = [\"a:1\", \"A:1\"]", "4:20: pool.shop.backends[1]: a:1 is in this pool already"},
         {"backends = [{ address = \"srv:_a._tcp.b\", weight = 2 }]",
          "4:51: pool.shop.backends[0].weight: the SRV records say it"}},
        "");
  check(pool_with("\"a:1\"") + "[resolver]",
        {{"servers = [\"a.b:53\"]",
          "6:12: resolver.servers[0]: expected an IP address with a port such as \"10.0.0.53:53\", got "
          "\"a.b:53\""},
         {"family = \"ipv5\"",
          "6:10: resolver.family: expected one of \"any\", \"ipv4\", \"ipv6\", got \"ipv5\""}},
        "");
}

TEST_CASE("names that come, change and go are told as such") {
  const Config before = valid(pool_with("\"a:1\", \"b:1\""));
  const Config after = valid(pool_with("{ address = \"b:1\", weight = 2 }, \"c:1\""));
  CHECK(differences(before, after) ==
        std::vector<std::string>{"~ name shop b:1: weight=2 (was as by default)", "+ name shop c:1",
                                 "- name shop a:1"});
}

}  // namespace
}  // namespace sluice::config
