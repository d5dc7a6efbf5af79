#include <sluice/base/text.h>
#include <sluice/http/field_list.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const FieldList& list) {
  Pairs pairs;
  for (const Field& field : list.fields()) pairs.emplace_back(list.name(field), list.value(field));
  return pairs;
}

std::string lines_of(const Pairs& pairs) {
  std::string lines;
  for (const auto& [name, value] : pairs) lines += concat({name, ": ", value, "\r\n"});
  return lines;
}

/// Whether adding this field ends the process, of which a copy tries it.
bool is_refused(std::string_view name, std::string_view value) {
  const pid_t copy = ::fork();
  if (copy == 0) {
    ::close(STDERR_FILENO);
    FieldList().add(name, value);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(copy, &status, 0) == copy);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("fields keep their order, their case and their repetition") {
  FieldList list{{"Set-Cookie", "a=1"}, {"X-Empty", ""}, {"set-cookie", "b=2"}};
  CHECK(list.lines() == "Set-Cookie: a=1\r\nX-Empty: \r\nset-cookie: b=2\r\n");
  CHECK(pairs_of(list) == Pairs{{"Set-Cookie", "a=1"}, {"X-Empty", ""}, {"set-cookie", "b=2"}});
  list.remove("SET-COOKIE");
  CHECK(list.lines() == "X-Empty: \r\n");
  list.remove("X");
  CHECK_FALSE(list.empty());
  list.remove("x-empty");
  CHECK(list.empty());
  CHECK(list.lines() == "");
  CHECK(kNoFields.empty());
}

TEST_CASE("fields are found by what Sluice calls them, until they are removed") {
  FieldList list{{"DATE", "x"}, {"A", "b"}, {"date", "y"}, {"Via", "1.1 a"}};
  CHECK(list.has(FieldName::date));
  CHECK(list.find(FieldName::date) == "x");
  CHECK(list.count(FieldName::date) == 2);
  list.remove("Date");
  CHECK_FALSE(list.has(FieldName::date));
  CHECK(list.count(FieldName::date) == 0);
  CHECK(list.find(FieldName::via) == "1.1 a");
  list.clear();
  CHECK_FALSE(list.has(FieldName::via));
}

TEST_CASE("a value has no white space around it") {
  const FieldList list{{"A", " \tb c\t"}, {"B", " "}};
  CHECK(list.lines() == "A: b c\r\nB: \r\n");
  CHECK(pairs_of(list) == Pairs{{"A", "b c"}, {"B", ""}});
}

TEST_CASE("nothing that would end a line, or a text, comes into a list") {
  using namespace std::string_view_literals;
  CHECK_FALSE(is_refused("A", "b: c\xff\t d"));
  for (const auto value : {"a\rb"sv, "a\nb"sv, "a\0b"sv, "\r\n"sv}) CHECK(is_refused("A", value));
  for (const auto name : {""sv, "A:"sv, "A b"sv, "A\r\nB"sv, "A\0"sv}) CHECK(is_refused(name, ""));
}

TEST_CASE("random edits of a list come to the same as edits of a vector of pairs") {
  constexpr std::array<std::string_view, 6> kNames = {"A", "Date", "X-Forwarded-For", "x-a", "X-A", "date"};
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](size_t end) { return static_cast<size_t>(random()) % end; };
    FieldList list;
    Pairs naive;
    for (size_t step = 0; step < 40; ++step) {
      const std::string name(kNames[below(kNames.size())]);
      const std::string value(below(20), static_cast<char>('a' + below(26)));
      switch (below(8)) {
        case 0:
          list.remove(name);
          std::erase_if(naive, [&](const auto& pair) { return equals_ignoring_case(pair.first, name); });
          break;
        case 1:
          list.add(FieldList{{name, value}, {"B", name}});
          naive.emplace_back(name, value);
          naive.emplace_back("B", name);
          break;
        default:
          list.add(name, value);
          naive.emplace_back(name, value);
      }
      REQUIRE(list.lines() == lines_of(naive));
      REQUIRE(pairs_of(list) == naive);
      size_t dates = 0;
      for (const auto& pair : naive) dates += equals_ignoring_case(pair.first, "date") ? 1 : 0;
      REQUIRE(list.count(FieldName::date) == dates);
      REQUIRE(list.has(FieldName::date) == (dates != 0));
    }
  }
}

}  // namespace sluice::http
