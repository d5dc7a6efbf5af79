// What a backend says of itself by a field of a response.
#include "proxy/drain_header.h"

#include <sluice/http/head_decoder.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

DrainSignal word_of(const std::string& fields) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  http::ResponseHead head;
  REQUIRE(decoder.decode("HTTP/1.1 200 OK\r\n" + fields + "\r\n", head, false)->complete);
  return drain_signal(head, "X-Draining");
}

TEST_CASE("a field with any value but no says that the backend drains") {
  CHECK(word_of("") == DrainSignal::none);
  CHECK(word_of("X-Drainin: 1\r\nX-DrainingX: 1\r\nY-Draining: 1\r\n") == DrainSignal::none);
  for (const std::string value : {"1", "true", "yes", "soon", "00"}) {
    CHECK(word_of("x-DRAINING: " + value + "\r\n") == DrainSignal::drains);
  }
  for (const std::string value : {"", "0", "false", "False", "no"}) {
    CHECK(word_of("X-Draining: " + value + "\r\n") == DrainSignal::goes_on);
  }
  CHECK(word_of("X-Draining: 0\r\nA: b\r\nX-Draining: 1\r\n") == DrainSignal::drains);
}

}  // namespace
}  // namespace sluice::proxy
