// What the old process says of a client's connection is what the new one reads, whatever bytes came on it.
#include "takeover/connection_messages.h"

#include <string>

#include "takeover/takeover_messages.h"

#include <doctest/doctest.h>

namespace sluice::takeover {
namespace {

proxy::ConnectionState connection(const std::string& client, const std::string& bytes) {
  wire::Client who{.address = client.empty() ? Address::local("") : *Address::parse(client),
                   .local = *Address::parse("192.0.2.1:80")};
  who.ip = who.address.ip_text();
  return {.listener = "0.0.0.0:80", .at = {.client = who, .requests = 7, .bytes = bytes}};
}

TEST_CASE("connections come back as they were, with every byte") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  ConnectionsMessage message{{connection("192.0.2.7:4711", ""), connection("[2001:db8::1]:1", all + "\n{}\n"),
                              connection("", "GET / HTTP/1.1\r\n"), connection("192.0.2.7:4712", "")}};
  message.connections[3].at.awaits_preface = true;
  message.connections[0].tunnel = {.head = "GET / HTTP/1.1\r\n\r\n",
                                   .pool = "shop",
                                   .backend = *Address::parse("unix:/run/app"),
                                   .request_id = "\xff",
                                   .sent = 1,
                                   .received = uint64_t{1} << 60,
                                   .age_ms = 3,
                                   .attempts = 4,
                                   .up = all,
                                   .down = all + all};
  for (const TakeoverMessage& sent : {TakeoverMessage(message), TakeoverMessage(ConnectionsMessage()),
                                      TakeoverMessage(AcknowledgeMessage{.refused = {0, 252}, .room = 17})}) {
    const auto text = takeover_text(sent);
    REQUIRE(text);
    const auto heard = parse_takeover(*text);
    REQUIRE(heard);
    CHECK(*heard == sent);
  }
}

TEST_CASE("bytes that are not what was counted spoil the message") {
  const auto text = takeover_text(ConnectionsMessage{{connection("192.0.2.7:1", "GET")}});
  REQUIRE(text);
  CHECK(parse_takeover(*text));
  CHECK_FALSE(parse_takeover(*text + "x"));
  CHECK_FALSE(parse_takeover(text->substr(0, text->size() - 1)));
  CHECK_FALSE(parse_takeover(R"({"message":"taken","refused":[],"room":1})"
                             "\nx"));
}

TEST_CASE("damaged connections are errors, never half read") {
  const std::string rest = R"("requests":0,"awaits_preface":false)";
  const std::string from = R"({"listener":"l","client":"1.2.3.4:5","local":"1.2.3.4:5",)";
  for (const std::string& connection :
       {std::string("{}"), std::string("[]"), std::string("7"),
        R"({"listener":"l","client":"nowhere","local":"1.2.3.4:5",)" + rest + R"(,"bytes":0})",
        from + R"("requests":-1,"awaits_preface":false,"bytes":0})", from + rest + R"(,"bytes":1})",
        from + rest + R"(,"bytes":0,"tunnel":{}})"}) {
    const std::string text = R"({"message":"connections","connections":[)" + connection + "]}";
    CHECK_MESSAGE(!parse_takeover(text).has_value(), text);
  }
  CHECK_FALSE(parse_takeover(R"({"message":"taken","refused":["x"],"room":1})"));
}

}  // namespace
}  // namespace sluice::takeover
