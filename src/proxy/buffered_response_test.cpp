// A response that is held begins once it is whole, or too large.
#include "proxy/buffered_response.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

/// Keeps what reaches the client.
struct ClientSink final : wire::BodySink {
  std::string seen;
  using wire::BodySink::write_body;
  wire::Flow write_body(wire::Slices pieces) override {
    for (const auto piece : pieces) seen += piece;
    return wire::Flow::blocked;
  }
  wire::Flow end_body(const http::FieldList&) override {
    seen += "|";
    return wire::Flow::open;
  }
  Wait when_writable(std::function<void(Result<void>)>) override { return {}; }
};

struct Holding {
  ClientSink client;
  BufferedResponse held;
  explicit Holding(size_t most) {
    held.start(client, most, [this] { client.seen += "head "; });
  }
};

TEST_CASE("nothing reaches the client before the response is whole") {
  Holding it(10);
  CHECK(it.held.write_body("12345") == wire::Flow::open);
  CHECK(it.held.write_body("67890") == wire::Flow::open);
  CHECK(it.client.seen.empty());
  it.held.end_body({});
  CHECK(it.client.seen == "head 1234567890|");
}

TEST_CASE("a response that turns out too large goes on as it comes, at the client's pace") {
  Holding it(10);
  it.held.write_body("1234567");
  CHECK(it.held.write_body("89012") == wire::Flow::blocked);
  CHECK(it.client.seen == "head 123456789012");
  CHECK(it.held.write_body("3") == wire::Flow::blocked);
  it.held.end_body({});
  CHECK(it.client.seen == "head 1234567890123|");
}

TEST_CASE("of a response that broke nothing is left to the next one") {
  Holding it(10);
  it.held.write_body("broken");
  it.held.stop();
  CHECK_FALSE(it.held.is_in_use());
  it.held.start(it.client, 10, [&] { it.client.seen += "head "; });
  it.held.write_body("whole");
  it.held.end_body({});
  CHECK(it.client.seen == "head whole|");
}

}  // namespace
}  // namespace sluice::proxy
