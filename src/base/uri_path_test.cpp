// Which spellings of a path are one path.
#include <sluice/base/uri_path.h>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

namespace sluice {
namespace {

std::string normal(std::string_view path) {
  std::string scratch;
  return std::string(normal_path(path, scratch));
}

TEST_CASE("a path that is normal already is not copied") {
  for (const std::string_view path : {"/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/..a/...", "/a/b..",
                                      "/a;b=1,2/c:d@e", "/a\\..\\b", "*", ""}) {
    CAPTURE(path);
    std::string scratch;
    CHECK(normal_path(path, scratch).data() == path.data());
    CHECK(normal(path) == path);
  }
}

TEST_CASE("what is not normal is found wherever in a path it is") {
  int wrong = 0;
  for (size_t before = 0; before < 20; ++before) {
    for (size_t behind = 0; behind < 20; ++behind) {
      const std::string begin = "/" + std::string(before, 'a');
      const std::string end = std::string(behind, 'b');
      wrong += normal(begin + "//" + end) == (before == 0 ? "/" + end : begin + "/" + end) ? 0 : 1;
      wrong += normal(begin + "/./" + end) == (before == 0 ? "/" + end : begin + "/" + end) ? 0 : 1;
      wrong += normal(begin + "/../" + end) == "/" + end ? 0 : 1;
      wrong += normal(begin + "%41" + end) == begin + "A" + end ? 0 : 1;
      wrong += normal(begin + "/.x" + end) == (before == 0 ? "/.x" + end : begin + "/.x" + end) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("runs of slashes are one slash") {
  CHECK(normal("//") == "/");
  CHECK(normal("//a") == "/a");
  CHECK(normal("/a///b//") == "/a/b/");
}

TEST_CASE("dot segments are resolved, however they are spelled, and end in a directory") {
  CHECK(normal("/.") == "/");
  CHECK(normal("/..") == "/");
  CHECK(normal("/./a") == "/a");
  CHECK(normal("/a/.") == "/a/");
  CHECK(normal("/a/..") == "/");
  CHECK(normal("/a/b/..") == "/a/");
  CHECK(normal("/a/../b") == "/b");
  CHECK(normal("/../../a") == "/a");
  CHECK(normal("/a/b/c/../../d") == "/a/d");
  CHECK(normal("/a/%2e%2E/b") == "/b");
  CHECK(normal("/a/.%2e/b") == "/b");
  CHECK(normal("/a/%2e/b") == "/a/b");
  CHECK(normal("/a/%2e%2e%2e/b") == "/a/.../b");
}

TEST_CASE("slashes are merged before dot segments are resolved") {
  CHECK(normal("/a//../b") == "/b");
  CHECK(normal("/a//./b/..//c") == "/a/c");
}

TEST_CASE("encodings are decoded once") {
  CHECK(normal("/%70rivate") == "/private");
  CHECK(normal("/%7E%41") == "/~A");
  CHECK(normal("/%c3%A9") == "/\xc3\xa9");
  CHECK(normal("/%2570rivate") == "/%2570rivate");
  CHECK(normal("/a/%252e%252e/b") == "/a/%252e%252e/b");
}

TEST_CASE("an encoded slash, percent sign or NUL stays apart, in upper case") {
  CHECK(normal("/a%2fb") == "/a%2Fb");
  CHECK(normal("/a%2Fb") == "/a%2Fb");
  CHECK(normal("/..%2fb") == "/..%2Fb");
  CHECK(normal("/%25") == "/%25");
  CHECK(normal("/%00") == "/%00");
}

TEST_CASE("what only looks like an encoding stands for itself") {
  CHECK(normal("/%") == "/%25");
  CHECK(normal("/100%/x") == normal("/100%25/x"));
  CHECK(normal("/%4") == "/%254");
  CHECK(normal("/%zz%4g") == "/%25zz%254g");
  CHECK(normal("/%%41") == "/%25A");
  CHECK(normal("/%%300") == "/%2500");
  CHECK(normal("/%2%65%2%65") == "/%252e%252e");
}

TEST_CASE("a path's parameters are part of a segment") {
  CHECK(normal("/a/..;/b") == "/a/..;/b");
  CHECK(normal("/a/.;x/%2e%2e;y") == "/a/.;x/..;y");
}

TEST_CASE("what follows the first segments is spelled as in the path") {
  const auto rest = [](std::string_view path, size_t segments) {
    return std::string(path.substr(spelled_size(path, segments)));
  };
  CHECK(rest("/%61pi/x%20y", 1) == "/x%20y");
  CHECK(rest("//api//x", 1) == "//x");
  CHECK(rest("/a/../api/x/../y", 1) == "/x/../y");
  CHECK(rest("/api/x/../../api/y", 1) == "/y");
  CHECK(rest("/api/../api", 1) == "");
  CHECK(rest("/api/.", 1) == "/.");
  CHECK(rest("/a/b/../b/c", 2) == "/c");
  CHECK(rest("/x", 0) == "/x");
  CHECK(rest("/../x", 0) == "/x");
  CHECK(rest("/x/../../y", 0) == "/y");
}

TEST_CASE("the rest behind another path means what it meant behind the first one") {
  // Every path of four pieces that the alphabet can spell.
  constexpr std::string_view kPieces[] = {"/", "/.", "/..", "/a", "/%61", "/b", "/%2E%2e"};
  for (const auto one : kPieces) {
    for (const auto two : kPieces) {
      for (const auto three : kPieces) {
        for (const auto four : kPieces) {
          const std::string path =
              std::string(one) + std::string(two) + std::string(three) + std::string(four);
          const std::string whole = normal(path);
          for (const std::string_view prefix : {"", "/a", "/a/b"}) {
            const bool is_prefix =
                whole.starts_with(prefix) && (whole.size() == prefix.size() || whole[prefix.size()] == '/');
            if (!is_prefix) continue;
            CAPTURE(path);
            const auto segments = static_cast<size_t>(std::count(prefix.begin(), prefix.end(), '/'));
            const std::string rest = path.substr(spelled_size(path, segments));
            const bool is_all = rest.empty() && whole == "/";  // "/.." has nothing left behind the root
            CHECK(normal("/new" + rest) == (is_all ? "/new" : "/new" + whole.substr(prefix.size())));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice
