// What makes a tunnel, and what does not; what a Max-Forwards of 0 gets.
#include <sluice/http/max_forwards.h>
#include <sluice/http/upgrade.h>

#include <vector>

#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

const std::vector<std::string> kAllowed = {"websocket", "echo"};

std::string wanted(const std::string& line, const std::string& fields) {
  RequestHead head;
  REQUIRE(decode_request(line + "\r\nHost: a\r\n" + fields + "\r\n", head).error == "");
  return std::string(wanted_upgrade(head, kAllowed));
}

bool accepted(const std::string& text, std::string_view protocol = "websocket") {
  ResponseHead head;
  REQUIRE(decode_response(text + "\r\n", head).error == "");
  return accepts_upgrade(head, protocol);
}

TEST_CASE("an upgrade is what an HTTP/1.1 request asks for by Connection and an allowed protocol") {
  const std::string get = "GET / HTTP/1.1";
  CHECK(wanted(get, "Connection: Upgrade\r\nUpgrade: WebSocket\r\n") == "WebSocket");
  CHECK(wanted(get, "Connection: keep-alive, upgrade\r\nUpgrade: h2c, echo\r\n") == "echo");
  CHECK(wanted(get, "Connection: upgrade\r\nUpgrade: x\r\nUpgrade: websocket\r\n") == "websocket");
  CHECK(wanted(get, "Upgrade: websocket\r\n") == "");
  CHECK(wanted(get, "Connection: close\r\nUpgrade: websocket\r\n") == "");
  CHECK(wanted(get, "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n") == "");
  CHECK(wanted(get, "Connection: upgrade\r\nUpgrade: ,\r\n") == "");
  CHECK(wanted("GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n") == "");
  CHECK(wanted("HEAD / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n") == "");
  RequestHead head;
  REQUIRE(
      decode_request(get + "\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", head).error ==
      "");
  CHECK(wanted_upgrade(head, {}) == "");
}

TEST_CASE("an upgrade may be asked for by POST, with a body or without one") {
  const std::string upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  CHECK(wanted("POST / HTTP/1.1", upgrade) == "websocket");
  CHECK(wanted("POST / HTTP/1.1", upgrade + "Content-Length: 3\r\n") == "websocket");
  CHECK(wanted("PUT / HTTP/1.1", upgrade + "Transfer-Encoding: chunked\r\n") == "websocket");
}

TEST_CASE("only a 101 that switches to just that protocol begins a tunnel") {
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  CHECK(accepted(line + "Connection: upgrade\r\nUpgrade: Websocket\r\n"));
  CHECK_FALSE(accepted(line + "Connection: upgrade\r\nUpgrade: h2c\r\n"));
  CHECK_FALSE(accepted(line + "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"));
  CHECK_FALSE(accepted(line + "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"));
  CHECK_FALSE(accepted(line + "Upgrade: websocket\r\n"));
  CHECK_FALSE(accepted(line + "Connection: upgrade\r\n"));
  CHECK_FALSE(accepted("HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
  CHECK_FALSE(accepted("HTTP/1.0 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
}

TEST_CASE("a TRACE or OPTIONS with Max-Forwards 0 ends here, and its echo keeps no secrets") {
  const auto decode_text = [](const std::string& text) {
    RequestHead head;
    REQUIRE(decode_request(text, head).error == "");
    return std::pair(ends_here(head), trace_content(head));
  };
  const std::string rest =
      " / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nMax-Forwards: 0\r\nAuthorization: x\r\nX: y\r\n\r\n";
  CHECK(decode_text("OPTIONS" + rest).first);
  CHECK_FALSE(decode_text("GET" + rest).first);
  CHECK(decode_text("TRACE" + rest) ==
        std::pair(true, std::string("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nX: y\r\n\r\n")));
  CHECK_FALSE(decode_text("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n").first);
  CHECK_FALSE(decode_text("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").first);
}

}  // namespace
}  // namespace sluice::http
