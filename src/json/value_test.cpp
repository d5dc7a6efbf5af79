#include <sluice/json/value.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::json {
namespace {

/// Of text that is known to be JSON.
Value read(std::string_view text) {
  const auto value = Value::parse(text);
  REQUIRE_MESSAGE(value, text);
  return *value;
}

TEST_CASE("a list of names and values is an object, any other list an array") {
  CHECK(Value({{"a", 1}, {"b", nullptr}}).dump() == R"({"a":1,"b":null})");
  CHECK(Value({1, "x", true, 2.5}).dump() == R"([1,"x",true,2.5])");
  CHECK(Value({{"a", 1}, 2}).dump() == R"([["a",1],2])");
  CHECK(Value({{"list", {1, 2}}, {"inner", {{"c", -3}}}}).dump() == R"({"list":[1,2],"inner":{"c":-3}})");
  CHECK(Value::array({Value("alone")}).dump() == R"(["alone"])");
  CHECK(Value::object().dump() == "{}");
}

TEST_CASE("what is written is read again as it was, members in their order") {
  for (const std::string text : {"null", "true", "0", "-9223372036854775808", "18446744073709551615", "0.25",
                                 R"("\n\u0000é")", "[]", "{}", R"({"z":[{"a":{}}],"a":[[],{"b":null}]})"}) {
    CAPTURE(text);
    CHECK(read(read(text).dump()) == read(text));
  }
  CHECK(read(R"({"z":1,"a":2})").dump() == R"({"z":1,"a":2})");
  CHECK(read(R"({"z":[1]})").dump(2) == "{\n  \"z\": [\n    1\n  ]\n}");
}

TEST_CASE("text that is not one JSON value is refused") {
  for (const std::string text :
       {"", " ", "{", "[1,]", "{\"a\"}", "nul", "1 2", "{\"a\":1}x", "\"\xff\"", "'a'", "[1"}) {
    CAPTURE(text);
    CHECK(!Value::parse(text));
  }
}

TEST_CASE("text that is nested too deeply is refused, whatever its length") {
  const std::string fits = std::string(kMostDepth, '[') + std::string(kMostDepth, ']');
  CHECK(Value::parse(fits));
  CHECK(!Value::parse("[" + fits + "]"));
  CHECK(!Value::parse(std::string(1'000'000, '[')));
}

TEST_CASE("of members with one name the last counts") {
  const Value value = read(R"({"a":1,"b":2,"a":3})");
  CHECK(value.dump() == R"({"a":3,"b":2})");
}

TEST_CASE("what is not there, or of another kind, reads as nothing") {
  const Value value = read(R"({"a":{"b":[7]},"text":"x","ok":"yes","number":-1})");
  CHECK(value["a"]["b"][0] == 7);
  CHECK(value["a"]["b"][1].is_null());
  CHECK(value["none"]["b"][3]["c"].is_null());
  CHECK(value["text"].get<uint64_t>() == 0);
  CHECK(value["number"].get<uint64_t>() == 0);
  CHECK(value["number"].get<int>() == -1);
  CHECK(value["a"].get<std::string>().empty());
  CHECK(value.value("ok", false) == false);
  CHECK(value.value("ok", std::string("no")) == "yes");
  CHECK(value.value("text", uint64_t{5}) == 5);
  CHECK(value.value("none", std::string("failed")) == "failed");
  CHECK(read("300").get<uint8_t>() == 0);
  CHECK(value["text"].items().empty());
  CHECK(value["text"].begin() == value["text"].end());
}

TEST_CASE("values are equal by what they say: numbers by their worth, members in any order") {
  CHECK(Value(5) == Value(uint64_t{5}));
  CHECK(Value(5.0) == Value(5));
  CHECK(Value(-1) != Value(UINT64_MAX));
  CHECK(Value("5") != Value(5));
  CHECK(Value(true) != Value(1));
  CHECK(read(R"({"a":1,"b":[2]})") == read(R"({"b":[2],"a":1.0})"));
  CHECK(read(R"({"a":1})") != read(R"({"a":1,"b":2})"));
  CHECK(read("[1,2]") != read("[2,1]"));
}

TEST_CASE("numbers and texts have an order, other kinds have none") {
  CHECK(Value(-1) < Value(uint64_t{1}));
  CHECK(Value(UINT64_MAX) > Value(UINT64_MAX - 1));
  CHECK(Value(0.5) < Value(1));
  CHECK(Value("a") < Value("b"));
  CHECK(!(Value("1") < Value(2)));
  CHECK(!(Value() <= Value(0)));
}

TEST_CASE("bytes that are not UTF-8 are replaced when they are written") {
  CHECK(Value("a\xff"
              "b")
            .dump() ==
        "\"a\xef\xbf\xbd"
        "b\"");
}

TEST_CASE("values are built in place") {
  Value value;
  value["list"].push_back(1);
  value["list"].push_back({{"name", "x"}});
  value["list"].back()["more"] = true;
  Value more = {{"list", 0}, {"last", nullptr}};
  CHECK(value.dump() == R"({"list":[1,{"name":"x","more":true}]})");
  value.update(more);
  CHECK(value.dump() == R"({"list":0,"last":null})");
}

}  // namespace
}  // namespace sluice::json
