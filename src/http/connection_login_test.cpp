// Which logins hold for a connection.
#include <sluice/http/connection_login.h>
#include <sluice/http/head_decoder.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

bool logs_in(const std::string& fields) {
  RequestHead head;
  HeadDecoder decoder(HeadDecoder::Of::request, {});
  REQUIRE(decoder.decode("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head).value().complete);
  return logs_connection_in(head);
}

bool asks(int status, const std::string& fields) {
  ResponseHead head;
  HeadDecoder decoder(HeadDecoder::Of::response, {});
  const std::string line = "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: 0\r\n";
  REQUIRE(decoder.decode(line + fields + "\r\n", head, false).value().complete);
  return asks_for_connection_login(head);
}

TEST_CASE("a request with NTLM or Negotiate logs its connection in, however it is spelled") {
  CHECK(logs_in("Authorization: NTLM TlRMTVNTUAAB\r\n"));
  CHECK(logs_in("authorization: negotiate YII=\r\n"));
  CHECK(logs_in("AUTHORIZATION:\tnTlM\r\n"));
  CHECK(logs_in("Authorization: Basic YTpi\r\nAuthorization: NTLM x\r\n"));
  CHECK(logs_in("Authorization: Basic YTpi, Negotiate x\r\n"));
  CHECK(logs_in("Proxy-Authorization: NTLM x\r\n"));
}

TEST_CASE("other logins are of one request, and leave the connection to all") {
  CHECK_FALSE(logs_in(""));
  CHECK_FALSE(logs_in("Authorization: Basic YTpi\r\n"));
  CHECK_FALSE(logs_in("Authorization: Bearer NTLM\r\n"));
  CHECK_FALSE(logs_in("Authorization: NTLMv3 x\r\n"));
  CHECK_FALSE(logs_in("X-Authorization: NTLM x\r\n"));
}

TEST_CASE("a 401 or 407 that asks for such a login is found in any of its fields") {
  CHECK(asks(401, "WWW-Authenticate: NTLM\r\n"));
  CHECK(asks(401, "WWW-Authenticate: Basic realm=\"a, b\", Negotiate\r\n"));
  CHECK(asks(401, "WWW-Authenticate: Basic realm=\"a\"\r\nwww-authenticate: ntlm TlRM\r\n"));
  CHECK(asks(407, "Proxy-Authenticate: Negotiate\r\n"));
  CHECK_FALSE(asks(401, "WWW-Authenticate: Basic realm=\"NTLM\"\r\n"));
  CHECK_FALSE(asks(401, ""));
  CHECK_FALSE(asks(200, "WWW-Authenticate: NTLM\r\n"));
}

}  // namespace
}  // namespace sluice::http
