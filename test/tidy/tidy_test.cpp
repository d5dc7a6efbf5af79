// The rules, on the sources of this project.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "rules.h"

#include <doctest/doctest.h>

namespace sluice::tidy {
namespace {

const std::string kRoot = SLUICE_SOURCE_ROOT;

const std::vector<File>& sources() {
  static const std::vector<File> files = read_tree(kRoot, {"include", "src", "test"});
  return files;
}

/// The table of src/README.md.
const Layers& layers() {
  static const Layers table = [] {
    const auto found = std::ranges::find(sources(), "src/README.md", &File::path);
    return Layers(found == sources().end() ? std::string_view() : found->text);
  }();
  return table;
}

void tell(const Findings& findings) {
  for (const std::string& finding : findings) FAIL_CHECK(finding);
}

TEST_CASE("the sources are found") {
  CHECK(sources().size() > 50);
  if (!layers().has("base")) FAIL_CHECK("src/README.md:1: has no table of the layers: add it");
}

TEST_CASE("the layers point one way") {
  REQUIRE(layers().has("base"));
  tell(check_table(layers(), sources()));
}

TEST_CASE("a folder includes only what the table of layers allows, and libraries stay at home") {
  REQUIRE(layers().has("base"));
  for (const File& file : sources()) tell(check_includes(layers(), file));
}

TEST_CASE("no file is longer than 500 lines") {
  for (const File& file : sources()) {
    if (is_code(file)) tell(check_file_length(file));
  }
}

TEST_CASE("no function is longer than 60 lines") {
  for (const File& file : sources()) {
    if (is_code(file)) tell(check_function_lengths(file));
  }
}

TEST_CASE("every source file is built, and every header used") {
  tell(check_dead_files(sources()));
}

using Process = std::unique_ptr<FILE, int (*)(FILE*)>;

/// A compiler that sees only this header.
Process compile(const std::string& root, const std::string& header) {
  const std::string command = std::string(SLUICE_COMPILER) + " -std=c++20 -fsyntax-only -I'" + root +
                              "/include' -include '" + root + "/" + header + "' -x c++ /dev/null 2>&1";
  return {::popen(command.c_str(), "re"), &::pclose};
}

/// What it says, until it ends; empty when all is well.
std::string output_of(Process process) {
  std::string output;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, process.get())) > 0) output.append(buffer, size);
  const bool failed = ::pclose(process.release()) != 0;
  return failed && output.empty() ? "the compiler failed" : output;
}

TEST_CASE("every public header compiles by itself") {
  std::vector<const File*> headers;
  for (const File& file : sources()) {
    if (is_header(file) && file.path.starts_with("include/")) headers.push_back(&file);
  }
  REQUIRE_FALSE(headers.empty());
  constexpr size_t kAtOnce = 2;
  std::vector<Process> running;
  for (size_t i = 0; i < headers.size() + kAtOnce; ++i) {
    if (i < headers.size()) running.push_back(compile(kRoot, headers[i]->path));
    if (i < kAtOnce || i - kAtOnce >= headers.size()) continue;
    const std::string output = output_of(std::move(running[i - kAtOnce]));
    if (!output.empty()) {
      FAIL_CHECK(at(*headers[i - kAtOnce], 1, "does not compile alone: include what it uses\n" + output));
    }
  }
}

}  // namespace
}  // namespace sluice::tidy
