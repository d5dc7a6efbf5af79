// The resolver and what watches names, with a name server on loopback.
#include <sluice/base/text.h>
#include <sluice/resolve/names.h>
#include <sluice/resolve/resolver.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "resolve/name_server.h"

#include <doctest/doctest.h>

namespace sluice::resolve {
namespace {

using Srv = NameServer::Srv;

config::Resolver settings_for(const NameServer& server) {
  return {.servers = {Address::parse(server.address()).value()}, .timeout = Duration{100}, .attempts = 1};
}

std::string words(const std::vector<config::ResolvedAddress>& places) {
  std::string text;
  for (const auto& place : places) {
    text += concat({text.empty() ? "" : " ", place.address.text()});
    if (place.weight > 0) text += concat({"*", std::to_string(place.weight)});
    if (place.priority > 0) text += concat({"/", std::to_string(place.priority)});
  }
  return text;
}

/// What the system completes names with, for resolvers that are made meanwhile.
struct SearchDomain {
  explicit SearchDomain(const char* domain) { ::setenv("LOCALDOMAIN", domain, 1); }
  ~SearchDomain() { ::unsetenv("LOCALDOMAIN"); }
  SearchDomain(const SearchDomain&) = delete;
  SearchDomain& operator=(const SearchDomain&) = delete;
};

struct Asking {
  /// Its addresses and lifetime, or why there are none.
  std::string ask(const std::string& name) {
    std::string text;
    resolver.ask(config::parse_host_name(name).value(), expected, [&](Result<Answer> answer) {
      text = answer ? words(answer->places) : concat({"error: ", answer.error().message});
      if (answer) untold = answer->untold;
      if (answer && answer->lifetime) text += concat({" ", std::to_string(answer->lifetime->count())});
    });
    CHECK(text.empty());
    CHECK(loop.run_until([&] { return !text.empty(); }, Duration{10'000}));
    return text;
  }
  NameServer server;
  net::Loop loop;
  Resolver resolver{loop, settings_for(server)};
  Families expected{};
  Families untold{};
};

TEST_CASE("a name leads to its addresses of both kinds, for the shortest of their lifetimes") {
  Asking asking;
  asking.server.set("app.internal", {"10.0.0.2", "10.0.0.1", "fd00::1"}, 30);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 10.0.0.2:80 [fd00::1]:80 30000");
}

TEST_CASE("each question goes to the name server: no answer is kept, and none that there is no such name") {
  Asking asking;
  asking.server.set("app.internal", {"10.0.0.1"}, 300);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 300000");
  asking.server.set("app.internal", {"10.0.0.2"}, 300);
  CHECK(asking.ask("app.internal:80") == "10.0.0.2:80 300000");
  CHECK(asking.ask("late.internal:80") == "error: there is no address of that name");
  asking.server.set("late.internal", {"10.0.0.3"}, 300);
  CHECK(asking.ask("late.internal:80") == "10.0.0.3:80 300000");
  asking.server.set_srv("_http._tcp.late.internal", {{10, 3, 81, "late.internal"}}, 300);
  CHECK(asking.ask("srv:_http._tcp.late.internal") == "10.0.0.3:81*3 300000");
  asking.server.set_srv("_http._tcp.late.internal", {{10, 3, 82, "late.internal"}}, 300);
  CHECK(asking.ask("srv:_http._tcp.late.internal") == "10.0.0.3:82*3 300000");
}

TEST_CASE("a name is looked up again as soon as any alias on the way to its addresses may have changed") {
  Asking asking;
  asking.server.set("deep.internal", {"10.0.0.1", "fd00::1"}, 300);
  asking.server.set_alias("middle.internal", "deep.internal", 3);
  asking.server.set_alias("app.internal", "middle.internal", 60);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 [fd00::1]:80 3000");
  CHECK(asking.ask("middle.internal:80") == "10.0.0.1:80 [fd00::1]:80 3000");
  CHECK(asking.ask("deep.internal:80") == "10.0.0.1:80 [fd00::1]:80 300000");
  asking.server.set_alias("middle.internal", "deep.internal", 600);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 [fd00::1]:80 60000");
  asking.server.set_alias("middle.internal", "deep.internal", 0);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 [fd00::1]:80 0");
  asking.server.set_alias("middle.internal", "deep.internal", 3);
  asking.server.set_srv("_http._tcp.app.internal", {{10, 3, 81, "app.internal"}}, 90);
  CHECK(asking.ask("srv:_http._tcp.app.internal") == "10.0.0.1:81*2 [fd00::1]:81*2 3000");
}

TEST_CASE("a name with a final dot is whole: the system's search domains are for others") {
  const SearchDomain domain("search.test");
  Asking asking;
  asking.server.set("app.internal", {"10.0.0.1"}, 30);
  asking.server.set("later.internal.search.test", {"10.0.0.2"}, 30);
  CHECK(asking.ask("app.internal.:80") == "10.0.0.1:80 30000");
  CHECK(asking.ask("later.internal:80") == "10.0.0.2:80 30000");
  CHECK(asking.ask("later.internal.:80") == "error: there is no address of that name");
  asking.server.set_srv("_http._tcp.app.internal", {{10, 3, 81, "app.internal"}}, 30);
  CHECK(asking.ask("srv:_http._tcp.app.internal.") == "10.0.0.1:81*3 30000");
}

TEST_CASE("one kind of address is enough for who wants no other") {
  NameServer server;
  server.set("app.internal", {"10.0.0.1", "fd00::1"});
  auto settings = settings_for(server);
  settings.family = config::Resolver::Family::ipv4;
  net::Loop loop;
  Resolver resolver(loop, settings);
  std::string text;
  resolver.ask({.host = "app.internal", .port = 1}, {},
               [&](Result<Answer> answer) { text = words(answer->places); });
  CHECK(loop.run_until([&] { return !text.empty(); }, Duration{10'000}));
  CHECK(text == "10.0.0.1:1");
}

TEST_CASE(
    "addresses of a kind that a server cannot tell are untold, and those that are not there are absent") {
  Asking asking;
  asking.server.set("app.internal", {"10.0.0.1", "fd00::1"}, 30);
  asking.expected = {.ipv4 = true, .ipv6 = true};
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 [fd00::1]:80 30000");
  CHECK(asking.untold == Families());
  asking.server.set_failing_for(NameServer::kAaaa);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 30000");
  CHECK(asking.untold == Families{.ipv6 = true});
  asking.server.set_failing_for(NameServer::kA);
  CHECK(asking.ask("app.internal:80") == "[fd00::1]:80 30000");
  CHECK(asking.untold == Families{.ipv4 = true});
  asking.expected = {.ipv6 = true};  // IPv4 is not expected, so none is missed.
  CHECK(asking.ask("app.internal:80") == "[fd00::1]:80 30000");
  CHECK(asking.untold == Families());
  asking.server.set_failing_for(0);
  asking.server.set("app.internal", {"10.0.0.1"}, 30);
  CHECK(asking.ask("app.internal:80") == "10.0.0.1:80 30000");
  CHECK(asking.untold == Families());
}

TEST_CASE("localhost needs no name server") {
  Asking asking;
  asking.server.set_silent(true);
  const std::string found = asking.ask("localhost:7");
  CHECK(found.find("127.0.0.1:7") != std::string::npos);
}

TEST_CASE("no such name, no answer, and a failure are told apart") {
  Asking asking;
  CHECK(asking.ask("nobody.internal:80") == "error: there is no address of that name");
  asking.server.set("empty.internal", {});
  CHECK(asking.ask("empty.internal:80") == "error: there is no address of that name");
  asking.server.set_failing(true);
  const std::string failure = asking.ask("empty.internal:80");
  CHECK(failure.starts_with("error: "));
  CHECK(failure != "error: there is no address of that name");
  asking.server.set_failing(false);
  asking.server.set_silent(true);
  CHECK(asking.ask("empty.internal:80") == "error: no answer in time");
}

TEST_CASE("SRV records bring ports, weights and priorities; a target without an address is none") {
  Asking asking;
  asking.server.set_srv("_http._tcp.app.internal",
                        {{10, 3, 81, "a.internal"},
                         {10, 1, 82, "b.internal"},
                         {20, 5, 83, "a.internal"},
                         {10, 9, 84, "gone.internal"}},
                        60);
  asking.server.set("a.internal", {"10.0.0.1"}, 90);
  asking.server.set("b.internal", {"10.0.0.2"}, 45);
  CHECK(asking.ask("srv:_http._tcp.app.internal") == "10.0.0.1:81*3 10.0.0.2:82*1 10.0.0.1:83*5/1 45000");
  asking.server.set_failing(true);
  CHECK(asking.ask("srv:_http._tcp.app.internal").starts_with("error: "));
}

TEST_CASE("a resolver may go while it waits for answers: no call follows") {
  NameServer server;
  server.set_silent(true);
  net::Loop loop;
  bool heard = false;
  {
    Resolver resolver(loop, settings_for(server));
    resolver.ask({.host = "a.internal", .port = 1}, {}, [&](const auto&) { heard = true; });
    loop.run_until([&] { return server.questions() > 0; }, Duration{10'000});
    resolver.ask({.host = "localhost", .port = 1}, {}, [&](const auto&) { heard = true; });
  }
  CHECK_FALSE(loop.run_until([&] { return heard; }, Duration{50}));
}

/// A pool with one name, watched.
struct Watching {
  Watching() { reconfigure({"app.internal:80"}); }
  void reconfigure(const std::vector<std::string>& wanted) {
    config::Pool pool{.name = "shop", .resolve_interval = Duration{20}};
    for (const auto& name : wanted) pool.names.push_back({.name = config::parse_host_name(name).value()});
    config.pools["shop"] = std::make_shared<config::Pool>(pool);
    config.resolver = settings_for(server);
    names.watch(config);
  }
  bool reaches(const std::string& places) {
    return loop.run_until([&] { return words(latest["app.internal:80"]) == places; }, Duration{10'000});
  }
  bool has_logged(const std::string& text) {
    return loop.run_until([&] { return log.text.find(text) != std::string::npos; }, Duration{10'000});
  }
  struct Lines final : Log {
    void write(LogLevel, std::string_view line) override { text += std::string(line) + "\n"; }
    std::string text;
  };

  NameServer server;
  net::Loop loop;
  Lines log;
  config::ResolvedNames latest;
  config::Config config;
  bool refuse = false;
  Names names{loop, log, [this](const config::ResolvedNames& places) {
                if (!refuse) latest = places;
                return !refuse;
              }};
};

TEST_CASE("addresses that come and go are reported, and nothing is while they stay") {
  Watching watching;
  CHECK(watching.has_logged("name not resolved, it has no backends name=app.internal:80"));
  watching.server.set("app.internal", {"10.0.0.1"});
  CHECK(watching.reaches("10.0.0.1:80"));
  CHECK(watching.has_logged("name resolves again name=app.internal:80 addresses=1"));
  watching.server.set("app.internal", {"10.0.0.2", "10.0.0.3"});
  CHECK(watching.reaches("10.0.0.2:80 10.0.0.3:80"));
  CHECK(watching.has_logged("added=10.0.0.2:80,10.0.0.3:80 removed=10.0.0.1:80"));
  const std::string told = watching.log.text;
  const unsigned before = watching.server.questions();
  CHECK(watching.loop.run_until([&] { return watching.server.questions() > before + 6; }, Duration{10'000}));
  CHECK(watching.log.text == told);
}

TEST_CASE("while no server answers, or the name is gone, the last addresses stay, and their age grows") {
  Watching watching;
  watching.server.set("app.internal", {"10.0.0.1"});
  CHECK(watching.reaches("10.0.0.1:80"));
  SUBCASE("no answer") {
    watching.server.set_silent(true);
  }
  SUBCASE("failure") {
    watching.server.set_failing(true);
  }
  SUBCASE("no such name") {
    watching.server.forget("app.internal");
  }
  CHECK(watching.has_logged("name not resolved, its last addresses stay name=app.internal:80 cause="));
  CHECK(words(watching.names.places().at("app.internal:80")) == "10.0.0.1:80");
  const auto info = watching.names.info(config::parse_host_name("app.internal:80").value());
  REQUIRE(info);
  CHECK(info->places == 1);
  CHECK_FALSE(info->cause.empty());
  CHECK(*info->age > Duration{0});
}

TEST_CASE("while a server tells of one kind of address only, those of the other kind stay") {
  Watching watching;
  watching.server.set("app.internal", {"10.0.0.1", "fd00::1"});
  CHECK(watching.reaches("10.0.0.1:80 [fd00::1]:80"));
  watching.server.set_failing_for(NameServer::kA);
  CHECK(watching.has_logged("name resolved in part, the rest of its addresses stay name=app.internal:80"));
  watching.server.set("app.internal", {"10.0.0.1", "fd00::2"});
  CHECK(watching.reaches("10.0.0.1:80 [fd00::2]:80"));
  watching.server.set_failing_for(0);
  watching.server.set("app.internal", {"fd00::2"});
  CHECK(watching.reaches("[fd00::2]:80"));
}

TEST_CASE("what cannot be used now is reported again; names that are not wanted any more are forgotten") {
  Watching watching;
  watching.refuse = true;
  watching.server.set("app.internal", {"10.0.0.1"});
  CHECK(watching.has_logged("name resolved name=app.internal:80"));
  watching.refuse = false;
  CHECK(watching.reaches("10.0.0.1:80"));
  watching.server.set("other.internal", {"10.0.0.9"});
  watching.reconfigure({"other.internal:80"});
  CHECK(watching.loop.run_until([&] { return watching.latest.contains("other.internal:80"); },
                                Duration{10'000}));
  CHECK_FALSE(watching.latest.contains("app.internal:80"));
  watching.reconfigure({});
  CHECK(watching.names.places().empty());
}

}  // namespace
}  // namespace sluice::resolve
