// SRV records in Sluice's terms.
#include "resolve/srv.h"

#include <sluice/base/text.h>

#include <doctest/doctest.h>

namespace sluice::resolve {
namespace {

Address at(int last) {
  return Address::parse(concat({"10.0.0.", std::to_string(last), ":0"})).value();
}

/// "10.0.0.1:80 w=1 p=0 ..."
std::string words(const std::vector<SrvRecord>& records) {
  std::string text;
  for (const auto& place : places_of(records)) {
    text += concat({text.empty() ? "" : " ", place.address.text(), " w=", std::to_string(place.weight),
                    " p=", std::to_string(place.priority)});
  }
  return text;
}

TEST_CASE("weights and ports are the records', and priorities their order") {
  CHECK(words({{.priority = 10, .weight = 3, .port = 81, .addresses = {at(1)}},
               {.priority = 10, .weight = 1, .port = 82, .addresses = {at(2)}},
               {.priority = 5, .weight = 7, .port = 83, .addresses = {at(3)}}}) ==
        "10.0.0.1:81 w=3 p=1 10.0.0.2:82 w=1 p=1 10.0.0.3:83 w=7 p=0");
}

TEST_CASE("a target's weight is shared by its addresses") {
  CHECK(words({{.weight = 10, .port = 80, .addresses = {at(1), at(2)}},
               {.weight = 10, .port = 80, .addresses = {at(3)}}}) ==
        "10.0.0.1:80 w=5 p=0 10.0.0.2:80 w=5 p=0 10.0.0.3:80 w=10 p=0");
  CHECK(words({{.weight = 1, .port = 80, .addresses = {at(1), at(2)}},
               {.weight = 1, .port = 80, .addresses = {at(3)}}}) ==
        "10.0.0.1:80 w=500 p=0 10.0.0.2:80 w=500 p=0 10.0.0.3:80 w=1000 p=0");
}

TEST_CASE("weights are made to fit, each priority's by itself; none is zero") {
  CHECK(words({{.weight = 60000, .port = 80, .addresses = {at(1)}},
               {.weight = 30000, .port = 80, .addresses = {at(2)}},
               {.weight = 0, .port = 80, .addresses = {at(3)}},
               {.priority = 1, .weight = 5, .port = 80, .addresses = {at(4)}}}) ==
        "10.0.0.1:80 w=1000 p=0 10.0.0.2:80 w=500 p=0 10.0.0.3:80 w=1 p=0 10.0.0.4:80 w=5 p=1");
  CHECK(words({{.weight = 0, .port = 80, .addresses = {at(1)}}}) == "10.0.0.1:80 w=1 p=0");
  CHECK(words({{.weight = 1, .port = 80}}) == "");
}

TEST_CASE("of more than ten priorities the last are one") {
  std::vector<SrvRecord> records;
  for (int i = 0; i < 12; ++i) {
    records.push_back({.priority = static_cast<uint16_t>(i * 100), .weight = 1, .addresses = {at(i)}});
  }
  const auto places = places_of(records);
  CHECK(places[8].priority == 8);
  CHECK(places[9].priority == 9);
  CHECK(places[11].priority == 9);
}

/// A response with one question and two answers, with lifetimes of 300 and 60 seconds.
std::string message() {
  using namespace std::string_literals;
  const std::string header = "\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00"s;
  const std::string question =
      "\x01"
      "a"
      "\x01"
      "b"
      "\x00\x00\x01\x00\x01"s;
  const std::string one = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\x0a\x00\x00\x01"s;
  const std::string two = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x02"s;
  return header + question + one + two;
}

TEST_CASE("the shortest lifetime of a message counts, however it is cut off") {
  const std::string whole = message();
  CHECK(shortest_lifetime(whole) == 60);
  for (size_t length = 0; length < whole.size(); ++length) {
    const uint32_t lifetime = shortest_lifetime(std::string_view(whole).substr(0, length));
    CHECK((lifetime == 0 || lifetime == 300));
  }
  CHECK(shortest_lifetime("") == 0);
}

}  // namespace
}  // namespace sluice::resolve
