// Routing.
#include <sluice/base/uri_path.h>
#include <sluice/http/head_decoder.h>
#include <sluice/proxy/route_table.h>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

/// The pool's name that takes the request, or "-".
std::string taken_by(const std::vector<config::Route>& routes, std::string_view host, std::string_view path) {
  std::string scratch;
  const auto index = RouteTable(routes).match(host, {.raw = path, .normal = normal_path(path, scratch)});
  return index ? routes[*index].pool : "-";
}

config::Route route(std::string host, std::string path, std::string pool) {
  return {.host = std::move(host), .path = std::move(path), .pool = std::move(pool)};
}

TEST_CASE("one route without host and path takes everything") {
  const std::vector routes = {route("", "/", "all")};
  CHECK(taken_by(routes, "", "/") == "all");
  CHECK(taken_by(routes, "shop.example:8080", "/a/b") == "all");
  CHECK(taken_by(routes, "x", "*") == "all");
}

TEST_CASE("the longest path prefix wins, on whole segments only") {
  const std::vector routes = {route("", "/", "root"), route("", "/api", "api"), route("", "/api/v2/", "v2")};
  CHECK(taken_by(routes, "h", "/api") == "api");
  CHECK(taken_by(routes, "h", "/api/") == "api");
  CHECK(taken_by(routes, "h", "/apix") == "root");
  CHECK(taken_by(routes, "h", "/api/v2/x") == "v2");
  CHECK(taken_by(routes, "h", "/api/v2") == "v2");
  CHECK(taken_by(routes, "h", "/api/v22") == "api");
}

TEST_CASE("an exact host goes before a wildcard, and a wildcard before any host") {
  const std::vector routes = {route("", "/", "any"), route("*.example", "/", "wild"),
                              route("*.shop.example", "/", "longer"), route("shop.example", "/", "exact")};
  CHECK(taken_by(routes, "shop.example", "/") == "exact");
  CHECK(taken_by(routes, "SHOP.Example:80", "/") == "exact");
  CHECK(taken_by(routes, "shop.example.", "/") == "exact");
  CHECK(taken_by(routes, "a.example", "/") == "wild");
  CHECK(taken_by(routes, "a.b.example", "/") == "wild");
  CHECK(taken_by(routes, "a.shop.example", "/") == "longer");
  CHECK(taken_by(routes, "example", "/") == "any");
  CHECK(taken_by(routes, ".example", "/") == "any");
  CHECK(taken_by(routes, "[::1]:80", "/") == "any");
}

TEST_CASE("a host without a route for the path falls back to the less specific ones") {
  const std::vector routes = {route("", "/", "any"), route("shop.example", "/api", "api")};
  CHECK(taken_by(routes, "shop.example", "/api/x") == "api");
  CHECK(taken_by(routes, "shop.example", "/other") == "any");
}

TEST_CASE("what no route takes is taken by none") {
  const std::vector routes = {route("shop.example", "/", "shop"), route("", "/api", "api")};
  CHECK(taken_by(routes, "other.example", "/") == "-");
  CHECK(taken_by(routes, std::string(300, 'a'), "/x") == "-");
}

TEST_CASE("of one path the route that asks for more goes first, and the plain one takes the rest") {
  auto canary = route("", "/a", "header");
  canary.header = {.name = "X-Canary", .value = "1"};
  auto any_value = route("", "/a", "cookie");
  any_value.cookie = {.name = "canary"};
  auto both = route("", "/a", "both");
  both.header = canary.header;
  both.cookie = any_value.cookie;
  const std::vector routes = {route("", "/", "root"), route("", "/a", "plain"), canary, any_value, both};
  const RouteTable table(routes);
  const auto taken = [&](const std::string& fields, std::string_view path = "/a/b") {
    http::RequestHead head;
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
    REQUIRE(decoder.decode("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head)->complete);
    return routes[*table.match("h", {.raw = path, .normal = path}, &head)].pool;
  };
  CHECK(taken("") == "plain");
  CHECK(taken("x-canary: 1\r\n") == "header");
  CHECK(taken("X-Canary: 10\r\n") == "plain");
  CHECK(taken("Cookie: x=1; canary=\r\n") == "cookie");
  CHECK(taken("Cookie: canary=1\r\nX-Canary: 1\r\n") == "both");
  CHECK(taken("X-Canary: 1\r\n", "/b") == "root");
  CHECK(table.match("h", {.raw = "/a", .normal = "/a"}) == 1);
}

TEST_CASE("a condition that is not met falls back to a shorter path, and to a less specific host") {
  auto canary = route("shop.example", "/a", "canary");
  canary.header = {.name = "X-Canary"};
  CHECK(taken_by({canary, route("shop.example", "/", "shop")}, "shop.example", "/a") == "shop");
  CHECK(taken_by({canary, route("", "/", "any")}, "shop.example", "/a") == "any");
  CHECK(taken_by({canary}, "shop.example", "/a") == "-");
}

TEST_CASE("every spelling of a path is the same to a route, and of a route the same to a path") {
  const std::vector routes = {route("", "/", "root"), route("", "/private", "fence"),
                              route("", "/caf%c3%a9/./x/", "encoded"), route("", "/\xc3\xbc", "plain")};
  for (const std::string_view path :
       {"/private", "/%70rivate", "/%50%52/../private/x", "//private", "///private//", "/./private",
        "/a/../private", "/a/b/%2e%2E/.%2e/private", "/../private", "/private/.", "/private/x/..",
        "/private/../private", "/x//../private", "/private%2f/../private"}) {
    CAPTURE(path);
    CHECK(taken_by(routes, "h", path) == "fence");
  }
  for (const std::string_view path :
       {"/private/..", "/Private", "/private%2Fx", "/%2Fprivate", "/%2570rivate", "/a/..;/private",
        "/private%00", "/privat%zz", "/private\\x"}) {
    CAPTURE(path);
    CHECK(taken_by(routes, "h", path) == "root");
  }
  CHECK(taken_by(routes, "h", "/caf%C3%A9/x") == "encoded");
  CHECK(taken_by(routes, "h", "/%C3%BC") == "plain");
}

TEST_CASE("a route may ask for the path byte for byte") {
  auto raw = route("", "/a", "raw");
  raw.path_match = config::PathMatch::raw;
  auto encoded = route("", "/%61%2f", "encoded");
  encoded.path_match = config::PathMatch::raw;
  const std::vector routes = {route("", "/", "root"), raw, encoded};
  CHECK(taken_by(routes, "h", "/a/../x") == "raw");
  CHECK(taken_by(routes, "h", "/%61") == "root");
  CHECK(taken_by(routes, "h", "//a") == "root");
  CHECK(taken_by(routes, "h", "/%61%2f/x") == "encoded");
  CHECK(taken_by(routes, "h", "/%61%2F/x") == "root");
}

}  // namespace
}  // namespace sluice::proxy
