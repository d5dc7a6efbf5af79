// [forwarding]: which proxies are believed about the client, and what backends learn of it.
#include <sluice/base/text.h>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr size_t kLongestVia = 100;

/// The peers of Unix sockets have no network.
constexpr std::string_view kUnix = "unix";

/// What Via takes beside the protocol's version: a pseudonym, or a host with or without a port (RFC
/// 9110 7.6.3).
void parse_via(Reader& reader, std::string& via) {
  constexpr std::string_view kExpected =
      "a name such as \"sluice\" or \"proxy.example:8080\", or false for no Via";
  const Value* given = reader.take("via");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::boolean) {
    if (!given->flag) via.clear();  // true: the default, spelled out.
    return;
  }
  const std::string* text = reader.text_of("via", *given, kExpected);
  if (text == nullptr) return;
  if (text->size() > kLongestVia || !(is_token(*text) || is_authority(*text))) {
    return reader.expected("via", kExpected, concat({"\"", *text, "\""}));
  }
  via = *text;
}

}  // namespace

void parse_forwarding(Reader& root, Forwarding& forwarding) {
  auto reader = root.sub("forwarding");
  if (!reader) return;
  for (const Reader::Text& each : reader->read_texts("trusted_proxies", "networks")) {
    if (each.text == kUnix) {
      forwarding.trust_unix = true;
    } else if (const auto network = Network::parse(each.text)) {
      forwarding.trusted_proxies.push_back(*network);
    } else {
      reader->problem(each, network.error().message);
    }
  }
  reader->read("forwarded", forwarding.say_forwarded);
  reader->read("request_id", forwarding.say_request_id);
  parse_via(*reader, forwarding.via);
  reader->finish();
}

}  // namespace sluice::config
