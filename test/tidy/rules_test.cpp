// Each rule finds what it is there for.
#include "rules.h"

#include <doctest/doctest.h>

namespace sluice::tidy {
namespace {

constexpr std::string_view kReadme =
    "# Layers\n"
    "| folder | what lives there | may include |\n"
    "| --- | --- | --- |\n"
    "| `base/` | words | - |\n"
    "| `net/` | sockets | base |\n"
    "| `http/` | heads | base |\n"
    "| `config/` | the file | base |\n"
    "| `wire/` | both | http net |\n"
    "| `main/` | wires | all |\n";

const Layers kLayers{kReadme};

/// All findings, a line each.
std::string told(const Findings& findings) {
  std::string lines;
  for (const std::string& finding : findings) lines += (lines.empty() ? "" : "\n") + finding;
  return lines;
}

std::string includes(std::string path, std::string text) {
  return told(check_includes(kLayers, {std::move(path), std::move(text)}));
}

TEST_CASE("a folder may include itself, base and what its row names") {
  CHECK(includes("src/wire/a.cpp",
                 "#include <sluice/wire/a.h>\n#include <sluice/base/text.h>\n"
                 "#include <sluice/http/head.h>\n#include <sluice/net/loop.h>\n"
                 "#include \"wire/b.h\"\n#include \"b.h\"\n#include <vector>\n") == "");
  CHECK(includes("src/main/a.cpp", "#include <sluice/wire/a.h>\n#include <sluice/config/load.h>\n") == "");
}

TEST_CASE("an include against the table is found, in sources, headers and tests") {
  const std::string rest =
      "includes sluice/http/head.h, but `net/` may include only base: move the code, or change the table in "
      "src/README.md";
  for (const std::string path : {"src/net/a.cpp", "include/sluice/net/a.h", "src/net/a_test.cpp"}) {
    CHECK(includes(path, "// A.\n#include <sluice/http/head.h>\n") == path + ":2: " + rest);
  }
  CHECK(includes("src/base/a.cpp", "#include <sluice/net/loop.h>\n") ==
        "src/base/a.cpp:1: includes sluice/net/loop.h, but `base/` may include only base: move the code, or "
        "change the table in src/README.md");
}

TEST_CASE("a private header of another folder is found, but for tests") {
  CHECK(includes("src/wire/a.cpp", "#include \"net/handle.h\"\n") ==
        "src/wire/a.cpp:1: includes net/handle.h, a private header of `net/`: use what include/sluice/net "
        "offers");
  CHECK(includes("src/wire/a_test.cpp", "#include \"net/test_tools.h\"\n") == "");
}

TEST_CASE("an outside library away from its home is found") {
  struct Case {
    std::string header;
    std::string home;
  };
  const std::vector<Case> cases = {{"uv.h", "net"},
                                   {"llhttp.h", "http"},
                                   {"toml++/toml.h", "config"},
                                   {"openssl/ssl.h", "tls"},
                                   {"nlohmann/json.hpp", "json"}};
  for (const auto& [header, home] : cases) {
    CAPTURE(header);
    CHECK(includes("src/" + home + "/a.cpp", "#include <" + header + ">\n") == "");
    CHECK(includes("src/wire/a.cpp", "#include <" + header + ">\n") ==
          "src/wire/a.cpp:1: includes " + header + ", whose one home is `" + home +
              "/`: go through that folder");
  }
  CHECK(includes("src/net/a.cpp", "#include <doctest/doctest.h>\n") ==
        "src/net/a.cpp:1: includes doctest/doctest.h: only *_test.cpp and test_*.h are tests");
}

TEST_CASE("a folder without a row, and rows that name each other, are found") {
  CHECK(told(check_table(kLayers, {{"src/net/a.cpp", ""}, {"include/sluice/base/a.h", ""}})) == "");
  CHECK(told(check_table(kLayers, {{"src/new/a.cpp", ""}, {"src/new/b.cpp", ""}})) ==
        "src/README.md:1: no row for `new/`: add one that says what it may include");
  const Layers both{"| `a/` | x | b |\n| `b/` | y | a c |\n| `c/` | z | - |\n"};
  CHECK(told(check_table(both, {})) ==
        "src/README.md:1: `a/` and `b/` name each other: one direction must go");
  const Layers upward{"| `base/` | x | net |\n| `net/` | y | base |\n"};
  CHECK(told(check_table(upward, {})) ==
        "src/README.md:1: `base/` names other folders, which all include it: it may name none");
}

TEST_CASE("a file of more than 500 lines is found") {
  std::string text;
  for (size_t i = 0; i < kLongestFile; ++i) text += "\n";
  CHECK(told(check_file_length({"a.cpp", text})) == "");
  CHECK(told(check_file_length({"a.cpp", text + "x"})) ==
        "a.cpp:501: has 501 lines, of at most 500: split it by idea");
}

/// A function of so many lines, after one line of its own.
std::string function_of(size_t lines, const std::string& head) {
  std::string text = "namespace {\n" + head + " {\n";
  for (size_t i = 0; i < lines - 2; ++i) text += "  {\n";
  return text + "}\n}  // namespace\n";
}

TEST_CASE("a function of more than 60 lines is found, whatever its head looks like") {
  for (const std::string head : {"int f()", "TEST_CASE(\"x {\")", "A::A(int b) : b_(b)"}) {
    CHECK(told(check_function_lengths({"a.cpp", function_of(60, head)})) == "");
    CHECK(told(check_function_lengths({"a.cpp", function_of(61, head)})) ==
          "a.cpp:2: this function has 61 lines, of at most 60: give its steps names");
  }
  CHECK(told(check_function_lengths({"a.cpp", function_of(60, "int f(int a,\n      int b)")})) ==
        "a.cpp:2: this function has 61 lines, of at most 60: give its steps names");
}

TEST_CASE("long classes, tables, raw strings and comments are no functions") {
  std::string lines;
  for (size_t i = 0; i < 100; ++i) lines += "  x\n";
  for (const std::string& text : {"class A {\n" + lines + "};\n", "const int kTable[] = {\n" + lines + "};\n",
                                  "const char* kText = R\"x(\nint f() {\n" + lines + "}\n)x\";\n",
                                  "/*\nint f() {\n" + lines + "}\n*/\n", "namespace a {\n" + lines + "}\n"}) {
    CHECK(told(check_function_lengths({"a.cpp", text})) == "");
  }
}

TEST_CASE("literals and comments are blanked out, and nothing else") {
  CHECK(without_literals("a \"{\\\"\" b") == "a       b");
  CHECK(without_literals("f('{', 1'000) // {") == "f(   , 1'000)     ");
  CHECK(without_literals("R\"(\n{)\" + x") == "   \n    + x");
}

TEST_CASE("a source file that is not built is found") {
  const std::vector<File> built = {{"src/net/meson.build", "net_sources = files('a.cpp')\n"},
                                   {"src/net/a.cpp", ""}};
  CHECK(told(check_dead_files(built)) == "");
  const std::vector<File> forgotten = {{"src/net/meson.build", "net_sources = files('data.cpp')\n"},
                                       {"src/net/a.cpp", ""},
                                       {"test/e2e/b.cpp", ""}};
  CHECK(told(check_dead_files(forgotten)) ==
        "src/net/a.cpp:1: is not built: name it in the meson.build beside it, or delete it\n"
        "test/e2e/b.cpp:1: is not built: name it in the meson.build beside it, or delete it");
}

TEST_CASE("a header that only its own source file includes is found") {
  const File build = {"src/net/meson.build", "files('a.cpp', 'a_test.cpp', 'b.cpp', 'c.cpp')"};
  const std::string dead = ":1: nobody but its own .cpp includes it: use it, merge it or delete it";
  CHECK(told(check_dead_files({build,
                               {"include/sluice/net/a.h", ""},
                               {"src/net/a.cpp", "#include <sluice/net/a.h>\n#include \"net/b.h\"\n"},
                               {"src/net/b.h", ""},
                               {"src/net/c.cpp", "#include \"c.h\"\n"},
                               {"src/net/c.h", ""}})) ==
        "include/sluice/net/a.h" + dead + "\nsrc/net/c.h" + dead);
  CHECK(told(check_dead_files({build,
                               {"include/sluice/net/a.h", ""},
                               {"src/net/a.cpp", "#include <sluice/net/a.h>\n"},
                               {"src/net/a_test.cpp", "#include <sluice/net/a.h>\n"}})) == "");
}

}  // namespace
}  // namespace sluice::tidy
