// Files, and what two configurations share.
#include <sluice/config/share.h>

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "config/example_file.h"
#include "config/test_tools.h"

namespace sluice::config {
namespace {

/// A file with this text, gone when dropped.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text, const std::string& extension = "")
      : path_("/tmp/sluice-config-XXXXXX" + extension) {
    const int fd = ::mkstemps(path_.data(), static_cast<int>(extension.size()));
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }

  const std::string& path() const { return path_; }
  /// Without the directory.
  std::string name() const { return path_.substr(path_.rfind('/') + 1); }

 private:
  std::string path_;
};

std::string read_file(const char* path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"), &std::fclose);
  REQUIRE(file);
  std::string text(100'000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  return text;
}

std::vector<std::string> problems_of_file(const std::string& path) {
  const auto loaded = load(path);
  const auto* problems = std::get_if<Problems>(&loaded);
  return problems == nullptr ? std::vector<std::string>{} : texts(*problems);
}

TEST_CASE("a file is loaded, and named by its path in problems") {
  const TemporaryFile good(kSmallest);
  const auto loaded = load(good.path());
  REQUIRE(std::holds_alternative<Config>(loaded));
  CHECK(std::get<Config>(loaded).listeners[0].where == good.path() + ":2:8");
  const TemporaryFile bad("[serve]\n" + std::string(kSmallest));
  CHECK(problems_of_file(bad.path()) ==
        std::vector{bad.path() + ":1:2: serve: unknown key, did you mean \"server\"?"});
}

TEST_CASE("a file that cannot be read is one problem") {
  CHECK(problems_of_file("/nonexistent/s.toml") ==
        std::vector<std::string>{"/nonexistent/s.toml: cannot read it: No such file or directory"});
  CHECK(problems_of_file("/") == std::vector<std::string>{"/: cannot read it: Is a directory"});
  CHECK(problems_of_file("/dev/zero") ==
        std::vector<std::string>{"/dev/zero: cannot read it: it is longer than 16MiB"});
}

Config loaded(const std::string& path) {
  auto result = load(path);
  if (const auto* problems = std::get_if<Problems>(&result)) FAIL(as_error(*problems).message);
  return std::get<Config>(std::move(result));
}

TEST_CASE("error pages lie beside the file that names them, and are read with it") {
  const TemporaryFile html("<p>busy</p>\n", ".HTML");
  const TemporaryFile json("{}", ".json");
  const TemporaryFile other("", ".dat");
  const TemporaryFile file("[errors]\n503 = \"" + html.name() + "\"\n404 = \"" + json.path() +
                           "\"\n599 = \"" + other.name() + "\"\n" + std::string(kSmallest));
  const Config config = loaded(file.path());
  REQUIRE(config.errors.size() == 3);
  CHECK(*config.errors.at(503) ==
        ErrorPage{.path = html.path(), .content_type = "text/html", .body = "<p>busy</p>\n"});
  CHECK(*config.errors.at(404) ==
        ErrorPage{.path = json.path(), .content_type = "application/json", .body = "{}"});
  CHECK(*config.errors.at(599) == ErrorPage{.path = other.path(), .content_type = "text/plain", .body = ""});
  CHECK(to_toml(config).ends_with("\n[errors]\n404 = \"" + json.path() + "\"\n503 = \"" + html.path() +
                                  "\"\n599 = \"" + other.path() + "\"\n"));
  CHECK(to_toml(valid(to_toml(config))) == to_toml(config));
}

TEST_CASE("an error page is at most 1MiB long, and a missing one is named as it was looked for") {
  const TemporaryFile longest(std::string(1 << 20, 'a'));
  CHECK(valid("[errors]\n503 = \"" + longest.path() + "\"\n" + std::string(kSmallest))
            .errors.at(503)
            ->body.size() == size_t{1} << 20);
  const TemporaryFile too_long(std::string((1 << 20) + 1, 'a'));
  CHECK(problem_of("[errors]\n503 = \"" + too_long.path() + "\"\n" + std::string(kSmallest)) ==
        "s.toml:2:7: errors.503: cannot read \"" + too_long.path() + "\": it is longer than 1MiB");
  const TemporaryFile file("[errors]\n503 = \"no-such-page\"\n" + std::string(kSmallest));
  CHECK(problems_of_file(file.path()) ==
        std::vector{file.path() +
                    ":2:7: errors.503: cannot read \"/tmp/no-such-page\": No such file or directory"});
}

TEST_CASE("error pages that two configurations agree on become one object") {
  const TemporaryFile page("a");
  const TemporaryFile changed("b");
  const std::string start = "[errors]\n500 = \"" + page.path() + "\"\n503 = \"";
  const Config current = valid(start + page.path() + "\"\n" + std::string(kSmallest));
  Config next = valid(start + changed.path() + "\"\n" + std::string(kSmallest));
  REQUIRE(next.errors.at(500) != current.errors.at(500));
  share_unchanged(next, current);
  CHECK(next.errors.at(500) == current.errors.at(500));
  CHECK(next.errors.at(503) != current.errors.at(503));
  CHECK(next.errors.at(503)->body == "b");
}

/// Its lines that begin with "#" and no space are options with their defaults.
std::string with_options_written_out(std::string text) {
  for (size_t line = 0; line != std::string::npos; line = text.find('\n', line + 1)) {
    const size_t begin = line == 0 ? 0 : line + 1;
    if (begin + 1 < text.size() && text[begin] == '#' && text[begin + 1] > ' ') text[begin] = ' ';
  }
  return text;
}

TEST_CASE("the example that comes with Sluice is valid, and names the defaults") {
  const auto loaded = load(SLUICE_EXAMPLE_FILE);
  REQUIRE(std::holds_alternative<Config>(loaded));
  const auto& example = std::get<Config>(loaded);
  const std::string text = read_file(SLUICE_EXAMPLE_FILE);
  const std::string written_out = with_options_written_out(text);
  REQUIRE(written_out != text);
  CHECK(to_toml(valid(written_out)) == to_toml(example));
  CHECK(to_toml(valid("[[listener]]\nbind = \"0.0.0.0:8080\"\n[pool.shop]\n"
                      "backends = [\"127.0.0.1:9001\", \"127.0.0.1:9002\"]\n")) == to_toml(example));
}

TEST_CASE("pools that two configurations agree on become one object") {
  const Config current =
      valid("[[listener]]\nbind = \"127.0.0.1:1\"\n[[route]]\npool = \"same\"\n[pool.same]\n[pool.other]\n");
  Config next = valid(
      "[[listener]]\nbind = \"127.0.0.1:2\"\n[[route]]\npool = \"same\"\n[pool.same]\n[pool.other]\nhealth = "
      "false\n"
      "[pool.added]\n");
  REQUIRE(next.pools.at("same") != current.pools.at("same"));
  share_unchanged(next, current);
  CHECK(next.pools.at("same") == current.pools.at("same"));
  CHECK(next.pools.at("other") != current.pools.at("other"));
  CHECK_FALSE(next.pools.at("other")->health.enabled);
  CHECK(next.pools.at("added")->name == "added");
  CHECK(next.pools.size() == 3);
}

TEST_CASE("a backend that a command names keeps the file's rules") {
  const Backend good{.address = Address::parse("127.0.0.1:1").value(), .weight = 1000, .version = "v1"};
  CHECK(check_backend(good));
  CHECK(check_backend({.address = Address::local("/s")}));
  Backend bad = good;
  bad.weight = 0;
  CHECK(check_backend(bad));
  bad.weight = 1001;
  CHECK(check_backend(bad).error().message == "expected a weight from 0 to 1000");
  bad = good;
  bad.version = "v 1";
  CHECK(check_backend(bad).error().message.find("printable ASCII") != std::string::npos);
  bad = good;
  bad.address = good.address.with_port(0);
  CHECK(check_backend(bad).error().message == "a backend's port cannot be 0");
}

}  // namespace
}  // namespace sluice::config
