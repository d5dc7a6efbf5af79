// What a hostile client sends never reaches a backend: each row in one piece, byte by byte, and cut once at
// places all over it.
#include <set>
#include <string>
#include <vector>

#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using namespace std::string_literals;

struct Row {
  std::string bytes;
  std::set<int> statuses;
};

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /bad HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

std::vector<Row> rows() {
  const std::string end = " HTTP/1.1\r\nHost: h\r\n\r\n";
  std::vector<Row> rows = {{"GET /bad HTTP/1.1\r\n\r\n", {400}},
                           {"GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}},
                           {"GET /bad HTTP/1.1\nHost: h\r\n\r\n", {400}},
                           {"GET /bad HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", {400}},
                           {"GET /bad HTTP/1.1\r\nHost: h\r\n\n", {400}},
                           {"GET /bad HTTP/1.1\r\nHost: h\r\n\rX", {400}},
                           {"GET /bad HTTP/2.0\r\nHost: h\r\n\r\n", {505}},
                           {"GET /bad HTTP/1.2\r\nHost: h\r\n\r\n", {505}},
                           {"GET /bad\r\n\r\n", {400}},
                           {"G@T /bad" + end, {400}},
                           {"GET  /bad" + end, {400}},
                           {"GET /b ad" + end, {400}},
                           {"GET /bad#x" + end, {400}},
                           {"GET /bad\x01" + end, {400}},
                           {"GET bad" + end, {400}},
                           {"GET *" + end, {400}},
                           {"CONNECT h:80" + end, {405, 501}},
                           {post("Expect: 200-ok\r\n"), {417}},
                           {"GET /" + std::string(20'000, 'a') + end, {414}},
                           {post("X: " + std::string(70'000, 'x') + "\r\n"), {431}},
                           {post("Content-Length: 2000000\r\n"), {413}}};
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X: y\r\n";
  rows.push_back({post(many), {431}});
  for (const std::string& fields : {"A : b"s,
                                    ": b"s,
                                    "A: b\r\n c"s,
                                    "A: b\x01"s,
                                    "A: b\0c"s,
                                    "A\0: b"s,
                                    "A: b\rc"s,
                                    "A: b\rContent-Length: 3"s,
                                    "Host: h"s,
                                    "Content-Length: 3\r\nTransfer-Encoding: chunked"s,
                                    "Transfer-Encoding: chunked\r\nContent-Length: 3"s,
                                    "Transfer-Encoding: xchunked"s,
                                    "Transfer-Encoding: chunked, identity"s,
                                    "Transfer-Encoding: identity"s,
                                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"s,
                                    "Transfer-Encoding: \x0b"s + "chunked"s,
                                    "Transfer-Encoding: \"chunked\""s,
                                    "Transfer-Encoding: chunked,"s,
                                    "Transfer-Encoding : chunked"s,
                                    "Content-Length: 3\r\nContent-Length: 3"s,
                                    "Content-Length: 3, 3"s,
                                    "Content-Length: +3"s,
                                    "Content-Length: -3"s,
                                    "Content-Length: 3 3"s,
                                    "Content-Length: 0x3"s,
                                    "Content-Length: 99999999999999999999"s,
                                    "Content-Length:"s}) {
    rows.push_back({post(fields + "\r\n", "abc"), {400}});
  }
  rows.push_back({"POST /bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}});
  return rows;
}

void check_refused(int port, const Row& row, size_t piece, size_t first) {
  CAPTURE(row.bytes.substr(0, 200));
  CAPTURE(piece);
  CAPTURE(first);
  PlainSocket client(port);
  client.send(std::string_view(row.bytes).substr(0, first));
  if (first != 0) client.breathe();
  client.send_in_pieces(std::string_view(row.bytes).substr(first), piece);
  const auto received = client.receive_to_end();
  CHECK(received.end == End::closed);  // In order, so that the answer could be read.
  const auto answer = parse_response(received.bytes, false, true);
  CHECK(answer.reading == Reading::complete);
  CHECK(row.statuses.contains(answer.status));
  CHECK(answer.size == received.bytes.size());  // And nothing behind it.
}

TEST_CASE("what is no request, or two at once, is answered, ends its connection and reaches no backend") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() + "[limits]\nbody = \"1MB\"\n[timeouts]\nlinger = \"200ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  for (const Row& row : rows()) {
    check_refused(proxy.port(), row, row.bytes.size(), 0);
    if (row.bytes.size() > 1000) continue;
    check_refused(proxy.port(), row, 1, 0);
    for (size_t cut = 7; cut < row.bytes.size(); cut += 17) check_refused(proxy.port(), row, 1000, cut);
  }
  CHECK(origin.bytes() == "");
  CHECK(RawClient(proxy.port()).get("/good").body == RecordingOrigin::body_for("/good"));
  CHECK(proxy.requests_ok() == 1);
}

TEST_CASE("a chunked body that breaks a rule never becomes a whole request at the backend") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() + "[timeouts]\nlinger = \"200ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  for (const std::string& body :
       {"+5\r\nhello\r\n0\r\n\r\n"s, "-5\r\nhello\r\n0\r\n\r\n"s, "0x5\r\nhello\r\n0\r\n\r\n"s,
        " 5\r\nhello\r\n0\r\n\r\n"s, "11111111111111111\r\nhello\r\n0\r\n\r\n"s, "5\r\nhelloX0\r\n\r\n"s,
        "5\nhello\r\n0\r\n\r\n"s, "5;a\x01\r\nhello\r\n0\r\n\r\n"s,
        "5;" + std::string(1 << 20, 'x') + "\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nBad : x\r\n\r\n"s,
        "5\r\nhello\r\n0\r\n\n"s, "\r\n5\r\nhello\r\n0\r\n\r\n"s}) {
    for (const size_t piece : {size_t{1}, body.size()}) {
      if (body.size() > 1000 && piece == 1) continue;
      CAPTURE(body.substr(0, 100));
      PlainSocket client(proxy.port());
      client.send("POST /bad HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
      client.send_in_pieces(body + get_request("/smuggled"), piece);
      const auto received = client.receive_to_end();
      CHECK(received.end == End::closed);
      CHECK(parse_response(received.bytes, false, true).status == 400);
    }
  }
  CHECK(origin.requests().empty());
  CHECK(origin.violations().empty());
  CHECK(eventually([&] { return origin.unfinished() == 0; }));  // What was begun is dropped.
}

TEST_CASE("a hostile backend's answers are refused, or cut where all can see it, and harm no next client") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool("retry = { attempts = 1 }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  using Then = Answer::Then;
  const std::vector<std::pair<Answer, bool>> hostile = {
      // What, and whether a byte of it may be passed on.
      {{ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Then::keep}, false},
      {{ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", Then::keep}, false},
      {{"garbage\r\n" + ok + "Content-Length: 0\r\n\r\n", Then::keep}, false},
      {{ok + "X: " + std::string(300'000, 'x') + "\r\n\r\n", Then::keep}, false},
      {{"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Then::keep}, false},
      {{ok + "A: b\r\n c\r\nContent-Length: 0\r\n\r\n", Then::keep}, false},
      {{"", Then::close}, false},
      {{"HTTP/1.1 2", Then::close}, false},
      {{"HTTP/1.1 2", Then::reset}, false},
      {{ok + "Content-Length: 10\r\n\r\nabc", Then::close}, true},
      {{ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", Then::close}, true},
      {{ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Then::close}, true},
      {{ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", Then::keep}, true},
      {{ok + "Content-Length: 10\r\n\r\nabc", Then::reset}, true},
  };
  size_t number = 0;
  for (const auto& [answer, may_begin] : hostile) {
    const std::string target = "/hostile/" + std::to_string(number++);
    CAPTURE(answer.bytes.substr(0, 100));
    origin.answer(target, answer);
    PlainSocket client(proxy.port());
    client.send(get_request(target));
    const auto received = client.receive_to_end(500ms);
    const auto response = parse_response(received.bytes, false, received.end == End::closed);
    if (response.status == 502) {
      CHECK(response.reading == Reading::complete);
    } else {
      CHECK(may_begin);
      CHECK(response.reading != Reading::complete);  // No client can take it for whole.
      CHECK(received.end == End::reset);
    }
    CHECK(eventually([&] { return proxy.json("backend list")["backends"][0]["state"] == "healthy"; }));
    RawClient next(proxy.port());
    for (int i = 0; i < 3; ++i) {
      const std::string good = "/good/" + std::to_string(i);
      CHECK(next.get(good).body == RecordingOrigin::body_for(good));
    }
  }
}

TEST_CASE("what a backend sends beyond its answer is never another client's answer") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool(), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
  for (const std::string& head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"s, "HTTP/1.1 204 No Content\r\n\r\n"s,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"s}) {
    origin.answer("/more", {.bytes = head + poison});
    RawClient client(proxy.port());
    CHECK(client.get("/more").status == std::stoi(head.substr(9, 3)));
    CHECK(client.get("/next").body == RecordingOrigin::body_for("/next"));
  }
  RawClient client(proxy.port());
  CHECK(client.get("/idle").ok());
  CHECK(origin.push(poison) > 0);  // On connections that rest.
  CHECK(eventually([&] { return origin.connections() == 0; }));
  CHECK(client.get("/after").body == RecordingOrigin::body_for("/after"));
}

TEST_CASE("a client that is gone ends its request at the backend within a second") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  for (int i = 0; i < 5; ++i) {
    RawClient client(proxy.port());
    client.send(get_request("/slow/20000"));
    REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
    client.close();
    CHECK(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 0; }, 1s));
  }
}

}  // namespace
}  // namespace sluice::e2e
