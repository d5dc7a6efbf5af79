// What backends see of the end of a probe's connection.

#include "upstream/test_probes.h"

namespace sluice::upstream {
namespace {

using Then = Origin::Then;
const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";

/// An origin that writes for longer than it takes to judge it, and how the connection ends.
struct Seen {
  explicit Seen(std::vector<std::string> pieces, config::Health health = {}, Then then = Then::close)
      : origin(loop, std::move(pieces), then) {
    if (health.timeout == config::Health{}.timeout) health.timeout = Duration{5000};
    verdict = ask(loop, lingering, origin.address(), std::move(health));
    was_writing = !origin.has_sent_all();
    CHECK(loop.run_until([&] { return !origin.end().empty() && lingering.size() == 0; }, kLong));
  }
  net::Loop loop;
  Lingering lingering;
  Origin origin;
  std::string verdict;
  bool was_writing = false;
};

/// In pieces of which the origin writes one a millisecond.
std::vector<std::string> slowly(const std::string& head, const std::string& body) {
  std::vector<std::string> pieces = {head};
  for (size_t at = 0; at < body.size(); at += body.size() / 5)
    pieces.push_back(body.substr(at, body.size() / 5));
  return pieces;
}

TEST_CASE("a probe has its verdict at once, and reads the rest of the answer until the backend closes") {
  const std::string body(300'000, 'x');
  const auto ends_in_order = [](const Seen& seen, std::string_view verdict) {
    CHECK(seen.verdict == verdict);
    CHECK(seen.was_writing);
    CHECK(seen.origin.end() == "in order");
    CHECK(seen.origin.closed_first());
  };
  ends_in_order(Seen(slowly(kHead, body)), "passed");
  ends_in_order(Seen(slowly("HTTP/1.1 503 X\r\nContent-Length: 300000\r\n\r\n", body)),
                "draining: GET /ping: 503");
  ends_in_order(Seen(slowly("HTTP/1.1 404 X\r\n\r\n", body)), "failed: GET /ping: 404, expected 200");
  ends_in_order(Seen(slowly(kHead + "ready", body), {.body = "ready"}), "passed");
  ends_in_order(Seen(slowly(kHead, body), {.body = "ready"}),
                "failed: GET /ping: the body has no \"ready\" in its first 64 KiB");
}

TEST_CASE("a probe whose answer is whole closes when the backend has closed, not before") {
  // The connection stays in TIME_WAIT at the side that has closed first.
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (const Then then : {Then::close, Then::close_late}) {
    const Seen seen({answer}, {}, then);
    CHECK(seen.verdict == "passed");
    CHECK(seen.origin.end() == "in order");
    CHECK(seen.origin.closed_first());
  }
  const Seen early({"HTTP/1.1 200 "});
  CHECK(early.verdict == "failed: GET /ping: closed without an answer");
  CHECK(early.origin.end() == "in order");
}

TEST_CASE("a backend that keeps the connection behind the end of its answer has it closed in order") {
  for (const std::vector<std::string>& pieces :
       {std::vector<std::string>{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nok\r\n", "0\r\n", "\r\n"},
        {"HTTP/1.1 204 X\r\n\r\n"}}) {
    CHECK(Seen(pieces, {.timeout = Duration{60'000}}, Then::wait).origin.end() == "in order");
    CHECK(Seen(pieces, {.timeout = Duration{50}}, Then::wait).origin.end() == "in order");
  }
}

TEST_CASE("a backend whose answer has not ended at the end of the timeout is reset") {
  for (const std::vector<std::string>& pieces :
       {std::vector<std::string>{kHead}, {"HTTP/1.1 200 X\r\n\r\n"}, {"HTTP/1.1 200 "}, {"220 smtp\r\n"}}) {
    const Seen seen(pieces, {.timeout = Duration{50}}, Then::wait);
    CHECK(seen.origin.end() == "connection reset by peer");
  }
}

TEST_CASE("a backend that never stops writing is reset before the timeout") {
  const Seen seen({"HTTP/1.1 200 OK\r\n\r\n", std::string(size_t{40} << 20, 'x')},
                  {.timeout = Duration{60'000}}, Then::wait);
  CHECK(seen.origin.end() == "connection reset by peer");
}

TEST_CASE("an answer whose wait was dropped is read to its end, too") {
  net::Loop loop;
  Lingering lingering;
  const Origin origin(loop, slowly("HTTP/1.1 200 ", "OK\r\nContent-Length: 3\r\n\r\nend"), Then::close);
  Wait wait = probe(loop, lingering, origin.address(), std::make_shared<const ProbeSpec>(config::Health{}),
                    nullptr, [](const ProbeResult&) { FAIL("was called"); });
  REQUIRE(loop.run_until([&] { return origin.visitors() == 1 && !origin.request().empty(); }, kLong));
  wait.cancel();
  CHECK(loop.run_until([&] { return !origin.end().empty(); }, kLong));
  CHECK(origin.end() == "in order");
}

TEST_CASE("a probe of a connection alone resets it: nothing was sent, and nothing is left behind here") {
  const Seen seen({}, {.type = config::ProbeType::tcp}, Then::wait);
  CHECK(seen.verdict == "passed");
  CHECK(seen.origin.end() == "connection reset by peer");
}

}  // namespace
}  // namespace sluice::upstream
