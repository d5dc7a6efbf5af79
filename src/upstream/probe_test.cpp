// One probe, against origins that answer in all kinds of ways.
#include "base/held_executor.h"
#include "net/memory_network.h"
#include "upstream/body_search.h"
#include "upstream/test_probes.h"

namespace sluice::upstream {
namespace {

using Then = Origin::Then;
constexpr Duration kPatient{5000};

/// What a probe says of an origin that answers so.
std::string result_of(std::vector<std::string> pieces, config::Health health = {}, Then then = Then::wait) {
  net::Loop loop;
  const Origin origin(loop, std::move(pieces), then);
  health.timeout = kPatient;
  return ask(loop, origin.address(), std::move(health));
}

std::string status(int code) {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: 0\r\n\r\n";
}

TEST_CASE("a probe passes by the status that is expected, and 503 is draining whatever is expected") {
  CHECK(result_of({status(200)}) == "passed");
  CHECK(result_of({status(204)}) == "failed: GET /ping: 204, expected 200");
  CHECK(result_of({status(503)}) == "draining: GET /ping: 503");
  const config::Health any{.expect = {{200, 399}, {500, 599}}};
  CHECK(result_of({status(302)}, any) == "passed");
  CHECK(result_of({status(404)}, any) ==
        "failed: GET /ping: 404, expected " + config::expect_text(any.expect));
  CHECK(result_of({status(500)}, any) == "passed");
  CHECK(result_of({status(503)}, any) == "draining: GET /ping: 503");
  CHECK(result_of({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}) == "passed");
}

TEST_CASE("an answer with more fields, and a larger head, than clients get by default passes") {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 900; ++i) head += "X-Field-" + std::to_string(i) + ": " + std::string(60, 'x') + "\r\n";
  REQUIRE(head.size() > size_t{60} * 1000);
  CHECK(result_of({head + "Content-Length: 0\r\n\r\n"}) == "passed");
  CHECK(result_of({head + "X-Large: ", std::string(300'000, 'x'), "\r\n\r\n"}) == "passed");
}

TEST_CASE("a probe fails by what is no answer, and says what came instead") {
  CHECK(result_of({"220 smtp\r\n"}).starts_with("failed: GET /ping: malformed answer: "));
  CHECK(result_of({}, {}, Then::close) == "failed: GET /ping: closed without an answer");
  net::Loop loop;
  const Origin silent(loop, {});
  CHECK(ask(loop, silent.address(), {.timeout = Duration{20}}) == "failed: GET /ping: timed out after 20ms");
  std::optional<net::ListeningSocket> gone =
      *net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone);
  const Address nobody = gone->address();
  gone.reset();
  CHECK(ask(loop, nobody, {}) == "failed: connection refused");
}

/// A probe with a second for all, on a network in memory.
struct HeldProbe {
  HeldExecutor executor;
  net::MemoryNetwork network{executor};
  Lingering lingering;
  std::string cause;
  Wait wait = probe(network, lingering, *Address::parse("192.0.2.9:9001"),
                    std::make_shared<const ProbeSpec>(config::Health{.timeout = Duration{1000}}), nullptr,
                    [this](ProbeResult got) { cause = std::move(got.cause); });
};

TEST_CASE("a backend that does not accept in time fails, and is not connected to any more") {
  HeldProbe held;
  CHECK(held.network.dialing() == " 9001");
  held.executor.pass(Duration{999});
  CHECK(held.cause == "");
  held.executor.pass(Duration{2});
  CHECK(held.cause == "timed out after 1000ms");
  CHECK(held.network.dialing() == "");
}

TEST_CASE("the time to connect and the time to answer are one") {
  HeldProbe held;
  held.executor.pass(Duration{600});
  const net::MemoryTransport& backend = held.network.answer();
  CHECK(backend.written.starts_with("GET /ping HTTP/1.1\r\nHost: 192.0.2.9:9001\r\n"));
  held.executor.pass(Duration{399});
  CHECK(held.cause == "");
  held.executor.pass(Duration{2});
  CHECK(held.cause == "GET /ping: timed out after 1000ms");
}

const config::Health kReady{.body = "ready"};

TEST_CASE("the body must contain the text, by whatever framing it comes and wherever it is cut") {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  CHECK(result_of({head + "Content-Length: 9\r\n\r\n", "is re", "ady!"}, kReady) == "passed");
  CHECK(result_of({head + "Transfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\n", "dy\r\n0\r\n\r\n"},
                  kReady) == "passed");
  CHECK(result_of({head + "\r\nis rea", "dy"}, kReady, Then::close) == "passed");
  const std::string missing = "failed: GET /ping: the body has no \"ready\"";
  CHECK(result_of({head + "Content-Length: 5\r\n\r\nreadx"}, kReady) == missing);
  CHECK(result_of({head + "Content-Length: 0\r\n\r\n"}, kReady) == missing);
  CHECK(result_of({head + "Transfer-Encoding: chunked\r\n\r\n4\r\nread\r\n0\r\n\r\n"}, kReady) == missing);
  CHECK(result_of({head + "\r\nread"}, kReady, Then::close) == missing);
  CHECK(result_of({head + "Content-Length: 9\r\n\r\nread"}, kReady, Then::close) ==
        "failed: GET /ping: closed in the middle of the body");
  CHECK(result_of({head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}, kReady)
            .starts_with("failed: GET /ping: malformed body: "));
}

TEST_CASE("a status that is not expected, and 503, count before the body") {
  CHECK(result_of({"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nready"}, kReady) ==
        "failed: GET /ping: 500, expected 200");
  CHECK(result_of({"HTTP/1.1 503 X\r\nContent-Length: 5\r\n\r\nready"}, kReady) ==
        "draining: GET /ping: 503");
}

TEST_CASE("no more than 64 KiB of a body are looked at, and no longer than the timeout") {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  CHECK(result_of({head + std::string(BodySearch::kMost - 5, 'x') + "ready"}, kReady) == "passed");
  CHECK(result_of({head + std::string(BodySearch::kMost - 4, 'x') + "ready"}, kReady) ==
        "failed: GET /ping: the body has no \"ready\" in its first 64 KiB");
  net::Loop loop;
  const Origin slow(loop, {head + "read"});
  CHECK(ask(loop, slow.address(), {.timeout = Duration{30}, .body = "ready"}) ==
        "failed: GET /ping: timed out after 30ms");
}

TEST_CASE("a text is found however its body is cut, and not across what was never there") {
  const std::string body = "aabaabaac";
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    BodySearch search("aabaac");
    const bool early = search.feed(body.substr(0, cut));
    CHECK((early || search.feed(body.substr(cut))));
    BodySearch other("aabaad");
    CHECK_FALSE(other.feed(body.substr(0, cut)));
    CHECK_FALSE(other.feed(body.substr(cut)));
  }
  BodySearch one("x");
  CHECK_FALSE(one.feed("abc"));
  CHECK(one.feed("x"));
}

TEST_CASE("a probe asks as its settings say") {
  net::Loop loop;
  const Origin origin(loop, {status(200)});
  REQUIRE(ask(loop, origin.address(), {}) == "passed");
  CHECK(origin.request() == "GET /ping HTTP/1.1\r\nHost: " + origin.address().text() +
                                "\r\nUser-Agent: sluice-probe\r\nConnection: close\r\n\r\n");
  const config::Health asked{
      .path = "/up?all", .host = "a.example", .headers = {{"X-A", "b"}, {"user-agent", "c"}}};
  REQUIRE(ask(loop, origin.address(), asked) == "passed");
  CHECK(origin.request() ==
        "GET /up?all HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\nuser-agent: c\r\nConnection: close\r\n\r\n");
}

TEST_CASE("where the pool's connections begin with a PROXY header, those of probes do, and name no client") {
  using config::ProxyProtocol;
  net::Loop loop;
  const Origin origin(loop, {status(200)});
  const auto begins = [&](std::string_view start) { return origin.request().starts_with(start); };
  REQUIRE(ask(loop, origin.address(), {}, ProxyProtocol::v1) == "passed");
  CHECK(begins("PROXY UNKNOWN\r\nGET /ping HTTP/1.1\r\n"));
  REQUIRE(ask(loop, origin.address(), {}, ProxyProtocol::v2) == "passed");
  CHECK(begins({"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /ping ", 26}));
  // Another port is another service.
  const config::Health elsewhere{.port = origin.address().port()};
  REQUIRE(ask(loop, origin.address().with_port(1), elsewhere, ProxyProtocol::v1) == "passed");
  CHECK(begins("GET /ping "));
}

TEST_CASE("a probe asks at the port that is set, and Unix sockets where they are") {
  net::Loop loop;
  const Origin origin(loop, {status(200)});
  const uint16_t port = origin.address().port();
  CHECK(ask(loop, origin.address().with_port(1), {.port = port}) == "passed");
  const ProbeSpec question({.port = port});
  CHECK(question.target(Address::local("/run/a")) == Address::local("/run/a"));
}

TEST_CASE("a probe of a connection passes by it alone") {
  net::Loop loop;
  std::optional<Origin> silent(std::in_place, loop, std::vector<std::string>{});
  const Address address = silent->address();
  CHECK(ask(loop, address, {.type = config::ProbeType::tcp}) == "passed");
  CHECK(loop.run_until([&] { return silent->visitors() == 1; }, kLong));
  silent.reset();
  CHECK(ask(loop, address, {.type = config::ProbeType::tcp}) == "failed: connection refused");
}

TEST_CASE("a probe for which there is no descriptor says nothing of the backend") {
  net::Loop loop;
  const Origin origin(loop, {status(200)});
  const NoDescriptors none;
  for (const auto type : {config::ProbeType::http, config::ProbeType::https, config::ProbeType::tcp}) {
    CHECK(ask(loop, origin.address(), {.type = type}) == "not asked: too many open files");
  }
}

TEST_CASE("a probe whose wait was dropped makes no call") {
  net::Loop loop;
  Lingering lingering;
  const Origin origin(loop, {});
  Wait wait = probe(loop, lingering, origin.address(), std::make_shared<const ProbeSpec>(config::Health{}),
                    nullptr, [](const ProbeResult&) { FAIL("was called"); });
  REQUIRE(loop.run_until([&] { return origin.visitors() == 1; }, kLong));
  wait.cancel();
  CHECK(ask(loop, origin.address(), {.timeout = Duration{20}}) == "failed: GET /ping: timed out after 20ms");
}

}  // namespace
}  // namespace sluice::upstream
