// Probes within TLS, against a server of the test's own.
#include <array>

#include "tls/test_certificates.h"
#include "tls/tls_transport.h"
#include "upstream/test_probes.h"

namespace sluice::upstream {
namespace {

using tls::test::authority;
using tls::test::Identity;
using tls::test::make_identity;

/// Answers every head within TLS with 200 and "ready".
class SecureOrigin {
 public:
  SecureOrigin(net::Loop& loop, const Identity& identity)
      : loop_(loop), context_(tls::test::server_context(identity)) {}

  const Address& address() const { return socket_.address(); }
  size_t sessions_taken_up() const { return taken_up_; }
  std::string request;  // the last
  std::string end;      // how the last connection ended: "in order" or the error

 private:
  struct Visitor final : net::Reader {
    Visitor(SecureOrigin& the_origin, std::unique_ptr<net::Transport> plain)
        : origin(the_origin),
          transport(std::make_unique<tls::TlsTransport>(
              origin.loop_, std::move(plain), tls::test::server_of(*origin.context_), nullptr, tls::Peer{})) {
      transport->handshake([this](Result<void> how) {
        if (!how) return transport.reset();
        origin.taken_up_ += transport->resumed() ? 1 : 0;
        transport->start_reading(*this);
      });
    }
    void on_bytes(std::string_view bytes) override {
      request += bytes;
      if (!request.ends_with("\r\n\r\n")) return;
      origin.request = request;
      const std::array<std::string_view, 1> answer = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready"};
      transport->write(answer);
      transport->shutdown();
    }
    void on_end(Result<void> how) override {
      origin.end = how ? "in order" : std::string(how.error().message);
      transport.reset();
    }

    SecureOrigin& origin;
    std::unique_ptr<tls::TlsTransport> transport;
    std::string request;
  };

  net::Loop& loop_;
  tls::SslContextPtr context_;
  size_t taken_up_ = 0;
  net::ListeningSocket socket_ =
      *net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone);
  std::list<Visitor> visitors_;
  std::unique_ptr<net::Acceptor> acceptor_ =
      loop_.accept(socket_, [this](auto plain) { visitors_.emplace_back(*this, std::move(plain)); });
};

config::Health trusting(config::ProbeTls tls = {}) {
  if (tls.verify && tls.ca.empty()) tls.ca = authority().pem();
  return {.type = config::ProbeType::https, .timeout = Duration{5000}, .tls = std::move(tls)};
}

std::string https_result(const tls::test::Wish& wish, const config::Health& health) {
  net::Loop loop;
  const SecureOrigin origin(loop, make_identity(wish, &authority()));
  return ask(loop, origin.address(), health);
}

const tls::test::Wish kLocal{.names = "IP:127.0.0.1"};

TEST_CASE("an https probe judges what is answered within TLS") {
  CHECK(https_result(kLocal, trusting()) == "passed");
  config::Health health = trusting();
  health.body = "ready";
  CHECK(https_result(kLocal, health) == "passed");
  health.body = "steady";
  CHECK(https_result(kLocal, health) == "failed: GET /ping: the body has no \"steady\"");
  health = trusting();
  health.expect = {{204, 204}};
  CHECK(https_result(kLocal, health) == "failed: GET /ping: 200, expected 204");
}

TEST_CASE("an https probe says what is wrong with a certificate") {
  CHECK(https_result({.names = "IP:127.0.0.1", .valid_from = -7200, .valid_to = -3600}, trusting()) ==
        "failed: the certificate has expired");
  CHECK(https_result({}, trusting()) == "failed: the certificate is for another name than 127.0.0.1");
  const Identity other = make_identity({.names = "", .is_authority = true});
  CHECK(https_result(kLocal, trusting({.ca = other.pem()})) ==
        "failed: the certificate is of an unknown authority");
  CHECK(https_result({}, trusting({.verify = false})) == "passed");
}

TEST_CASE("the certificate is for who is asked: server_name, or host, or the address") {
  CHECK(https_result({}, trusting({.server_name = "shop.example"})) == "passed");
  config::Health by_host = trusting();
  by_host.host = "Shop.Example:8080";
  CHECK(https_result({}, by_host) == "passed");
  by_host.tls.server_name = "other.example";
  CHECK(https_result({}, by_host) == "failed: the certificate is for another name than other.example");
  const ProbeSpec question({.host = "[::1]:80"});
  CHECK(question.server_name(*Address::parse("192.0.2.1:80")) == "::1");
  CHECK(ProbeSpec(config::Health{}).server_name(*Address::parse("[2001:db8::1]:80")) == "2001:db8::1");
}

TEST_CASE("an https probe of what speaks no TLS, or nothing, fails and says so") {
  net::Loop loop;
  // Plain HTTP: what it gets is no head, and it answers nothing before the probe's patience ends.
  const Origin silent(loop, {});
  config::Health health = trusting();
  health.timeout = Duration{50};
  CHECK(ask(loop, silent.address(), health) == "failed: timed out after 50ms");
  const Origin plain(loop, {"HTTP/1.1 400 Bad Request\r\n\r\n"}, Origin::Then::close,
                     Origin::Answers::anything);
  CHECK(ask(loop, plain.address(), trusting()) == "failed: no TLS is spoken there");
}

TEST_CASE("an https probe answers the end of TLS with its own, and the connection ends in order") {
  net::Loop loop;
  Lingering lingering;
  const SecureOrigin origin(loop, make_identity(kLocal, &authority()));
  CHECK(ask(loop, lingering, origin.address(), trusting()) == "passed");
  CHECK(loop.run_until([&] { return !origin.end.empty() && lingering.size() == 0; }, kLong));
  CHECK(origin.end == "in order");
}

TEST_CASE("a backend's session is taken up by its next probe, and not by another backend's") {
  net::Loop loop;
  const SecureOrigin origin(loop, make_identity(kLocal, &authority()));
  const auto question = std::make_shared<const ProbeSpec>(trusting());
  Lingering lingering;
  const auto pass = [&](const std::shared_ptr<tls::Session>& session) {
    std::optional<ProbeResult> result;
    const Wait wait =
        probe(loop, lingering, origin.address(), question, session, [&](ProbeResult got) { result = got; });
    REQUIRE(loop.run_until([&] { return result.has_value(); }, kLong));
    REQUIRE(result->kind == ProbeResult::Kind::passed);
    return origin.sessions_taken_up();
  };
  const auto session = std::make_shared<tls::Session>();
  CHECK(pass(session) == 0);
  CHECK(pass(session) == 1);
  CHECK(pass(session) == 2);
  CHECK(pass(std::make_shared<tls::Session>()) == 2);
}

}  // namespace
}  // namespace sluice::upstream
