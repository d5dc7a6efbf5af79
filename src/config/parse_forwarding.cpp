// [forwarding]: whose word on the client is taken, and what backends are told about it.
#include "config/parse.h"

namespace sluice::config {
namespace {

/// The peers of Unix sockets have no network.
constexpr std::string_view kUnix = "unix";

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
  reader->finish();
}

}  // namespace sluice::config
