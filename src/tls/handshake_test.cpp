// Which servers a client trusts, and its errors for the others.
#include "tls/test_tools.h"

namespace sluice::tls::test {
namespace {

/// What a handshake comes to with a server of that certificate, signed by the authority.
std::string told(const Wish& wish, const Peer& expected = kShop) {
  return Pair(make_identity(wish, &authority())).handshake(trusting(), expected);
}

TEST_CASE("a certificate of a known authority, for the name or the address, is taken") {
  CHECK(told({}) == "");
  CHECK(told({.names = "DNS:*.shop.example"}, {.name = "a.shop.example"}) == "");
  CHECK(told({.names = "IP:127.0.0.1"}, {.name = "127.0.0.1"}) == "");
  CHECK(told({.names = "IP:::1"}, {.name = "::1"}) == "");
  CHECK(told({.names = "DNS:other.example"}, {}) == "");  // Any, when none is said.
}

TEST_CASE("a certificate for another name is refused") {
  const std::string refused = "denied: the certificate is for another name than ";
  CHECK(told({.names = "DNS:other.example"}) == refused + "shop.example");
  CHECK(told({.names = "IP:127.0.0.1"}) == refused + "shop.example");
  CHECK(told({}, {.name = "127.0.0.1"}) == refused + "127.0.0.1");
  CHECK(told({.names = "DNS:sh*.example"}) == refused + "shop.example");
}

TEST_CASE("a certificate out of its time is refused") {
  CHECK(told({.valid_from = -7200, .valid_to = -3600}) == "denied: the certificate has expired");
  CHECK(told({.valid_from = 3600, .valid_to = 7200}) == "denied: the certificate is not valid yet");
}

TEST_CASE("a certificate of an unknown authority is refused, unless certificates are not checked") {
  const Identity other = make_identity({.names = "", .is_authority = true});
  CHECK(Pair(make_identity({}, &other)).handshake(trusting(), kShop) ==
        "denied: the certificate is of an unknown authority");
  const Identity namesake = make_identity({.names = "", .is_authority = true, .name = "Test Authority 1"});
  const Identity first = make_identity({.names = "", .is_authority = true, .name = "Test Authority 1"});
  CHECK(Pair(make_identity({}, &namesake)).handshake(trusting(first), kShop) ==
        "denied: the certificate is not signed by the authority that it names");
  const Identity own = make_identity({});
  CHECK(Pair(own).handshake(trusting(), kShop) ==
        "denied: the certificate is its own authority, and not a known one");
  CHECK(Pair(own).handshake({.verify = false}, kShop) == "");
  CHECK(Pair(own).handshake(trusting(own), kShop) == "");  // Named, it is known.
}

TEST_CASE("without authorities of their own those of the system count") {
  CHECK(Pair(make_identity({}, &authority())).handshake(ClientContext::Settings{}, kShop) ==
        "denied: the certificate is of an unknown authority");
}

TEST_CASE("a peer without TLS is distinguished from a peer with it") {
  Pair pair;
  Collector asked;
  asked.then = [&] {
    write(*pair.plain_server, "HTTP/1.1 400 Bad Request\r\n\r\n");
    asked.then = nullptr;
  };
  pair.plain_server->start_reading(asked);
  CHECK(pair.handshake(trusting(), kShop) == "malformed: no TLS is spoken there");
}

TEST_CASE("an end in the middle of the handshake is reported as an end") {
  Pair pair;
  pair.plain_server->shutdown();
  CHECK(pair.handshake(trusting(), kShop) == "closed: closed during the TLS handshake");
  Pair other;
  other.plain_server->reset_on_close();
  other.plain_server.reset();
  // The kernel reports an error once: what the write got, the read does not get again.
  const std::string reset = other.handshake(trusting(), kShop);
  CHECK((reset.starts_with("reset: ") || reset.starts_with("closed: ")));
}

TEST_CASE("TLS 1.2 is the oldest that counts") {
  Pair older(make_identity({}, &authority()));
  SSL_CTX_set_security_level(older.context.get(), 0);
  SSL_CTX_set_min_proto_version(older.context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(older.context.get(), TLS1_1_VERSION);
  CHECK(older.handshake(trusting(), kShop) ==
        "unsupported: no common version of TLS, of which 1.2 is the least");
  Pair old(make_identity({}, &authority()));
  SSL_CTX_set_max_proto_version(old.context.get(), TLS1_2_VERSION);
  CHECK(old.handshake(trusting(), kShop) == "");
}

TEST_CASE("the server is asked for by name, and not by address") {
  const auto asked = [](const std::string& name) {
    Pair pair(make_identity({.names = "DNS:shop.example,IP:127.0.0.1"}, &authority()));
    std::string seen = "none";
    SSL_CTX_set_tlsext_servername_callback(
        pair.context.get(), +[](SSL* ssl, int*, void* out) {
          const char* text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
          if (text != nullptr) *static_cast<std::string*>(out) = text;
          return SSL_TLSEXT_ERR_OK;
        });
    SSL_CTX_set_tlsext_servername_arg(pair.context.get(), &seen);
    REQUIRE(pair.handshake(trusting(), {.name = name}) == "");
    return seen;
  };
  CHECK(asked("shop.example") == "shop.example");
  CHECK(asked("127.0.0.1") == "none");
}

TEST_CASE("a handshake that is given up makes no call") {
  Pair pair(make_identity({}, &authority()));
  Wait wait = secure(pair.loop, *ClientContext::make(trusting()), std::move(pair.plain_client), kShop,
                     [](auto) { FAIL("was called"); });
  wait.cancel();
  pair.begin_server();
  CHECK(pair.until([&] { return pair.server_done.has_value(); }));
  CHECK_FALSE(*pair.server_done);
}

TEST_CASE("certificates are read whole or not at all") {
  const std::string one = authority().pem();
  CHECK(check_certificates(one));
  CHECK(check_certificates("text before\n" + one + "between\n" + one));
  CHECK(check_certificates("").error().message == "there is no certificate in PEM in it");
  CHECK(check_certificates("hello").error().message == "there is no certificate in PEM in it");
  CHECK(check_certificates(authority().key_pem()).error().message == "there is no certificate in PEM in it");
  const auto damaged = [](const std::string& pem) { return check_certificates(pem).error().message; };
  CHECK(damaged(one.substr(0, one.size() / 2)).starts_with("certificate 1 in it is damaged: "));
  std::string other = one;
  other[one.size() / 2] = '!';
  CHECK(damaged(one + other).starts_with("certificate 2 in it is damaged: "));
  CHECK_FALSE(ClientContext::make({.authorities = other}));
}

}  // namespace
}  // namespace sluice::tls::test
