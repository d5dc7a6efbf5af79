// What backends are asked for by routes that strip or rewrite paths.
#include <sluice/base/uri_path.h>
#include <sluice/proxy/path_rewrite.h>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

std::string rewritten(const config::Route& route, std::string_view path) {
  std::string scratch;
  std::string out;
  PathRewrite(route).append(out, {.raw = path, .normal = normal_path(path, scratch)});
  return out;
}

std::string stripped(std::string prefix, std::string_view path) {
  return rewritten({.path = std::move(prefix), .strip_path = true}, path);
}

std::string replaced(std::string prefix, std::string by, std::string_view path) {
  return rewritten({.path = std::move(prefix), .rewrite_path = std::move(by)}, path);
}

TEST_CASE("strip_path takes the prefix off and leaves a path") {
  CHECK(stripped("/api", "/api/x") == "/x");
  CHECK(stripped("/api", "/api") == "/");
  CHECK(stripped("/api/", "/api/") == "/");
  CHECK(stripped("/api/", "/api") == "/");
  CHECK(stripped("/api", "/api//x") == "//x");
  CHECK(stripped("/", "/x") == "/x");
  CHECK(stripped("/", "/") == "/");
}

TEST_CASE("just the route's path becomes just the new one, and all else keeps its slashes") {
  CHECK(replaced("/re", "/v2", "/re") == "/v2");
  CHECK(replaced("/re", "/v2", "/re/") == "/v2/");
  CHECK(replaced("/re", "/v2", "/re/x/") == "/v2/x/");
  CHECK(replaced("/re", "/v2/", "/re") == "/v2/");
  CHECK(replaced("/re", "/v2/", "/re/") == "/v2/");
  CHECK(replaced("/re", "/v2/", "/re/x") == "/v2/x");
  CHECK(replaced("/re/", "/v2/", "/re/") == "/v2/");
  CHECK(replaced("/re/", "/v2", "/re/") == "/v2");
  CHECK(replaced("/re/", "/v2", "/re/x") == "/v2/x");
  CHECK(replaced("/re", "/", "/re") == "/");
  CHECK(replaced("/re", "/", "/re/") == "/");
  CHECK(replaced("/re", "/", "/re/x") == "/x");
  CHECK(replaced("/", "/v2", "/") == "/v2");
  CHECK(replaced("/", "/v2/", "/") == "/v2/");
  CHECK(replaced("/", "/v2", "/x") == "/v2/x");
  CHECK(replaced("/", "/", "/x") == "/x");
}

TEST_CASE("a prefix in another spelling is taken away whole, and the rest goes on as it is spelled") {
  CHECK(stripped("/api", "/%61pi/a%2Fb%20c") == "/a%2Fb%20c");
  CHECK(stripped("/api", "//api/x") == "/x");
  CHECK(stripped("/api", "/./api/./x") == "/./x");
  CHECK(stripped("/api", "/other/../api/x") == "/x");
  CHECK(stripped("/api", "/api/x/../../api/y") == "/y");
  CHECK(stripped("/a/b", "/a//%62") == "/");
  CHECK(stripped("/caf\xc3\xa9", "/caf%C3%A9/x") == "/x");
  CHECK(stripped("/caf%c3%a9", "/caf%C3%A9/x") == "/x");
  CHECK(replaced("/api", "/v2", "/x/../api") == "/v2");
  CHECK(replaced("/api", "/v2", "/api/.") == "/v2/.");
}

TEST_CASE("no path climbs out of the new part") {
  CHECK(replaced("/", "/v2", "/../secret") == "/v2/secret");
  CHECK(replaced("/", "/v2", "/x/%2e%2e/../secret") == "/v2/secret");
  CHECK(replaced("/api", "/v2", "/../api/x/..") == "/v2/x/..");
}

TEST_CASE("a route that compares raw paths takes off what it has compared") {
  CHECK(rewritten({.path = "/a%2f", .path_match = config::PathMatch::raw, .strip_path = true},
                  "/a%2f/%62/../c") == "/%62/../c");
}

}  // namespace
}  // namespace sluice::proxy
