// What valid routes mean.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The one route of a file that is fine otherwise.
Route route(std::string_view keys) {
  const Config config = valid("[[route]]\n" + std::string(keys) + "\n" + std::string(kSmallest));
  REQUIRE(config.routes.size() == 1);
  return config.routes[0];
}

TEST_CASE("a route to a pool lets WebSockets through and changes nothing") {
  CHECK(route("pool = \"shop\"") == Route{.upgrade = {"websocket"}, .pool = "shop"});
}

TEST_CASE("the protocols to switch to are named in any case, or none is") {
  CHECK(route("pool = \"shop\"\nupgrade = [\"WebSocket\", \"IRC/6.9\"]").upgrade ==
        std::vector<std::string>{"websocket", "irc/6.9"});
  CHECK(route("pool = \"shop\"\nupgrade = []").upgrade.empty());
}

TEST_CASE("a route rewrites the path's prefix and the host") {
  const Route rewritten = route(
      "pool = \"shop\"\npath = \"/v1\"\nrewrite_path = \"/v2\"\nrewrite_host = \"Internal.example:8080\"");
  CHECK(rewritten.rewrite_path == "/v2");
  CHECK(rewritten.rewrite_host == "Internal.example:8080");
  CHECK(route("pool = \"shop\"\nstrip_path = false\nrewrite_path = \"/\"").rewrite_path == "/");
}

TEST_CASE("a route compares paths in every spelling, or byte for byte") {
  CHECK(route("pool = \"shop\"").path_match == PathMatch::normalised);
  CHECK(route("pool = \"shop\"\npath_match = \"normalised\"").path_match == PathMatch::normalised);
  CHECK(route("respond = {}\npath_match = \"raw\"").path_match == PathMatch::raw);
}

TEST_CASE("a route edits fields, whose values come trimmed") {
  const Route edited = route(
      "pool = \"shop\"\n"
      "request_fields = { set = { \"X-Env\" = \" prod \", X-Empty = \"\" }, remove = [\"Cookie\"] }\n"
      "[route.response_fields.add]\nSet-Cookie = [\"a=1\", \"b=2\"]\nX-Tag = \"a\"\n");
  CHECK(edited.request_fields ==
        FieldEdits{.remove = {"Cookie"}, .set = {{"X-Empty", ""}, {"X-Env", "prod"}}});
  CHECK(edited.response_fields ==
        FieldEdits{.add = {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}, {"X-Tag", "a"}}});
}

TEST_CASE("a redirect keeps the method unless it says otherwise") {
  CHECK(route("redirect = { to = \"https://{host}{target}\" }").redirect ==
        Redirect{.to = "https://{host}{target}", .status = 308});
  CHECK(route("redirect = { to = \"/new{target}\", status = 302 }").redirect ==
        Redirect{.to = "/new{target}", .status = 302});
  for (const std::string to : {"/", "/a", "https://{host}:8443{target}", "app://open{target}"}) {
    CHECK(route("redirect = { to = \"" + to + "\" }").redirect->to == to);
  }
}

TEST_CASE("a fixed response is an empty 200 unless it says otherwise") {
  CHECK(route("respond = {}").respond == FixedResponse{});
  CHECK(route("respond = { status = 404, body = \"no\\n\", content_type = \"text/html; charset=utf-8\" }")
            .respond ==
        FixedResponse{.status = 404, .body = "no\n", .content_type = "text/html; charset=utf-8"});
}

TEST_CASE("a file whose routes all answer by themselves needs no pool") {
  const Config config = valid(
      "[[listener]]\nbind = \"0.0.0.0:80\"\n[[route]]\nredirect = { to = \"https://{host}{target}\" }\n");
  CHECK(config.pools.empty());
  CHECK(config.routes.size() == 1);
}

}  // namespace
}  // namespace sluice::config
