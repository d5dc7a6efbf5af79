// What a backend gets of a request, byte for byte and write for write.
#include <sluice/http/head_decoder.h>
#include <sluice/wire/http1_request_writer.h>

#include <optional>
#include <string>

#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

const std::string kPut = "PUT / HTTP/1.1\r\nHost: h\r\n";

struct WrittenRequest {
  void begin(const std::string& text, const http::RequestForwarding& forwarding = {}) {
    head.clear();
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
    REQUIRE(decoder.decode(text, head));
    writer.begin(head, forwarding);
  }
  std::optional<Flow> body(std::string_view piece) { return writer.write_body(transport, Slices(&piece, 1)); }
  std::optional<Flow> end(const http::FieldList& trailers = {}) {
    return writer.end_body(transport, trailers);
  }
  /// What was written behind the head.
  std::string behind_head() const { return transport.written.substr(transport.written.find("\r\n\r\n") + 4); }

  std::string out;
  MemoryTransport transport;
  http::RequestHead head;
  Http1RequestWriter writer{out};
};

TEST_CASE("a request without a body is whole with its head, which leaves once") {
  WrittenRequest get;
  get.begin("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(get.transport.writes == 0);
  CHECK(get.writer.flush(get.transport) == Flow::open);
  CHECK(get.transport.written.starts_with("GET /a HTTP/1.1\r\nHost: h\r\n"));
  CHECK(get.transport.written.ends_with("\r\n\r\n"));
  CHECK(get.writer.written() == get.transport.written.size());
  CHECK(get.writer.may_be_followed());
  CHECK_FALSE(get.writer.is_head());
  CHECK(get.writer.flush(get.transport) == Flow::open);
  CHECK(get.transport.writes == 1);
}

TEST_CASE("what has not left is blocked, with a head to write and without") {
  WrittenRequest get;
  get.transport.blocked = true;
  get.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(get.writer.flush(get.transport) == Flow::blocked);
  CHECK(get.writer.flush(get.transport) == Flow::blocked);
  get.transport.unblock();
  CHECK(get.writer.flush(get.transport) == Flow::open);
}

TEST_CASE("head and first piece leave as one write, by every framing") {
  WrittenRequest sized;
  sized.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(sized.body("he") == Flow::open);
  CHECK(sized.transport.writes == 1);
  CHECK(sized.behind_head() == "he");
  CHECK(sized.body("llo") == Flow::open);
  CHECK(sized.transport.writes == 2);
  CHECK(sized.behind_head() == "hello");
  WrittenRequest chunked;
  chunked.begin(kPut + "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(chunked.body("hello") == Flow::open);
  CHECK(chunked.transport.writes == 1);
  CHECK(chunked.behind_head() == "5\r\nhello\r\n");
  WrittenRequest empty;
  empty.begin(kPut + "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(empty.end() == Flow::open);
  CHECK(empty.transport.writes == 1);
  CHECK(empty.behind_head() == "0\r\n\r\n");
}

TEST_CASE("a body longer than its head has said is refused, and what was cut out is not mended") {
  WrittenRequest put;
  put.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(put.body("hel") == Flow::open);
  CHECK(put.body("loGET /smuggled") == std::nullopt);
  CHECK(put.body("lo") == std::nullopt);
  CHECK(put.end() == std::nullopt);
  CHECK(put.behind_head() == "hel");
  CHECK_FALSE(put.writer.may_be_followed());
}

TEST_CASE("all pieces of one call count, and nothing of a refused first one leaves, not even the head") {
  WrittenRequest put;
  put.begin(kPut + "Content-Length: 5\r\n\r\n");
  const std::string_view pieces[] = {"hel", "lo", "!"};
  CHECK(put.writer.write_body(put.transport, pieces) == std::nullopt);
  CHECK(put.transport.writes == 0);
  WrittenRequest just;
  just.begin(kPut + "Content-Length: 6\r\n\r\n");
  CHECK(just.writer.write_body(just.transport, pieces) == Flow::open);
  CHECK(just.behind_head() == "hello!");
}

TEST_CASE("a body shorter than its head has said cannot end") {
  WrittenRequest put;
  put.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(put.body("hell") == Flow::open);
  CHECK_FALSE(put.writer.may_be_followed());
  CHECK(put.end() == std::nullopt);
  CHECK(put.body("o") == std::nullopt);
  CHECK_FALSE(put.writer.may_be_followed());
}

TEST_CASE("what comes behind a whole body is refused, and nothing follows it") {
  WrittenRequest put;
  put.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(put.body("hello") == Flow::open);
  CHECK(put.end() == Flow::open);
  REQUIRE(put.writer.may_be_followed());
  CHECK(put.body("GET /smuggled") == std::nullopt);
  CHECK(put.behind_head() == "hello");
  CHECK_FALSE(put.writer.may_be_followed());
}

TEST_CASE("a whole body may be followed, and the next request counts anew") {
  WrittenRequest both;
  both.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(both.body("hello") == Flow::open);
  CHECK_FALSE(both.writer.may_be_followed());
  CHECK(both.end() == Flow::open);
  CHECK(both.writer.may_be_followed());
  both.transport.written.clear();
  both.begin(kPut + "Content-Length: 2\r\n\r\n");
  CHECK_FALSE(both.writer.may_be_followed());
  CHECK(both.writer.written() == 0);
  CHECK(both.body("hey") == std::nullopt);
  CHECK(both.transport.written.empty());
}

TEST_CASE("trailers follow the last chunk, and are dropped where there is no place for them") {
  WrittenRequest chunked;
  chunked.begin(kPut + "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(chunked.body("hello") == Flow::open);
  CHECK(chunked.end({{"A", "b"}}) == Flow::open);
  CHECK(chunked.behind_head() == "5\r\nhello\r\n0\r\nA: b\r\n\r\n");
  CHECK(chunked.writer.written() == chunked.transport.written.size());
  CHECK(chunked.writer.may_be_followed());
  WrittenRequest sized;
  sized.begin(kPut + "Content-Length: 5\r\n\r\n");
  CHECK(sized.body("hello") == Flow::open);
  CHECK(sized.end({{"A", "b"}}) == Flow::open);
  CHECK(sized.behind_head() == "hello");
}

TEST_CASE("a preface leaves before the first head, in the same write, and before that one alone") {
  WrittenRequest get;
  get.writer.set_preface("PROXY UNKNOWN\r\n");
  get.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  get.writer.flush(get.transport);
  CHECK(get.transport.writes == 1);
  CHECK(get.transport.written.starts_with("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"));
  CHECK(get.writer.written() == get.transport.written.size());
  get.transport.written.clear();
  get.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  get.writer.flush(get.transport);
  CHECK(get.transport.written.starts_with("GET / HTTP/1.1\r\n"));
}

TEST_CASE("it knows a HEAD and an upgrade, until the next request") {
  WrittenRequest asked;
  asked.begin("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(asked.writer.is_head());
  CHECK_FALSE(asked.writer.asks_for_upgrade());
  asked.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n", {.upgrade = "x"});
  CHECK_FALSE(asked.writer.is_head());
  CHECK(asked.writer.asks_for_upgrade());
  asked.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK_FALSE(asked.writer.asks_for_upgrade());
}

TEST_CASE("a tunnel's bytes go as they are, its end ends our direction, and nothing follows it") {
  WrittenRequest tunnel;
  SUBCASE("of a request") {
    tunnel.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n", {.upgrade = "x"});
  }
  SUBCASE("of a request whose body had not come yet") {
    tunnel.begin(kPut + "Content-Length: 5\r\n\r\n", {.upgrade = "x"});
  }
  SUBCASE("of a chunked request") {
    tunnel.begin(kPut + "Transfer-Encoding: chunked\r\n\r\n", {.upgrade = "x"});
  }
  SUBCASE("of another owner's") {}
  tunnel.writer.flush(tunnel.transport);
  tunnel.transport.written.clear();
  CHECK_FALSE(tunnel.writer.is_tunnel());
  tunnel.writer.become_tunnel();
  CHECK(tunnel.writer.is_tunnel());
  CHECK(tunnel.body("longer than five") == Flow::open);
  CHECK_FALSE(tunnel.transport.is_shut_down);
  CHECK(tunnel.end({{"A", "b"}}) == Flow::open);
  CHECK(tunnel.transport.written == "longer than five");
  CHECK(tunnel.transport.is_shut_down);
  CHECK_FALSE(tunnel.writer.may_be_followed());
}

TEST_CASE("a request whose sending was ended is the connection's last") {
  WrittenRequest get;
  get.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  get.writer.flush(get.transport);
  REQUIRE(get.writer.may_be_followed());
  get.writer.end_sending(get.transport);
  CHECK(get.transport.is_shut_down);
  CHECK_FALSE(get.writer.may_be_followed());
}

TEST_CASE("heads are written to the worker's buffer, which comes back with its room") {
  WrittenRequest get;
  get.out.reserve(4096);
  const char* const room = get.out.data();
  get.begin("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(get.out.data() != room);  // Lent: what else writes a head meanwhile has another buffer.
  get.writer.flush(get.transport);
  CHECK(get.out.data() == room);
}

}  // namespace
}  // namespace sluice::wire
