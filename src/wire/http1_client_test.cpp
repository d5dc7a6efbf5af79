// The backend's side of HTTP/1, over an in-memory transport.
#include <sluice/wire/http1_client.h>

#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

struct Backend {
  Backend() {
    auto made = std::make_unique<MemoryTransport>();
    transport = made.get();
    connection = std::make_unique<Http1ClientConnection>(std::move(made), deadlines, out);
    connection->open_stream();
  }
  void ask(const std::string& text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n") {
    request.clear();
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
    const auto decoded = decoder.decode(text, request);
    REQUIRE(decoded);
    connection->send_head(request, {.client_ip = "192.0.2.7"}, Follows::nothing_yet);
    read();
  }
  /// Whether the connection may serve another exchange.
  bool finish() { return connection->finish_stream(*connection); }
  /// ... which begins.
  void ask_again() {
    connection->open_stream();
    ask();
  }
  void read() {
    wait = connection->read_head([this](Result<const http::ResponseHead*> head) {
      if (!head) {
        error = head.error().message;
        return;
      }
      status = (*head)->status;
      if ((*head)->is_interim()) return read();
      if ((*head)->framing.has_body()) connection->start_body(receiver);
    });
  }

  HeldClock clock;
  Deadlines deadlines{clock};
  std::string out;
  MemoryTransport* transport = nullptr;
  http::RequestHead request;
  KeepingReceiver receiver;
  std::string error;
  int status = 0;
  std::unique_ptr<Http1ClientConnection> connection;
  Wait wait;
};

struct TestOwnerOfOne final : ClientConnectionOwner {
  void on_stream_dropped(ClientStream&) override {}
  void on_connection_gone(ClientConnection&) override { is_gone = true; }
  bool is_gone = false;
};

TEST_CASE("an exchange that ended in order leaves a connection for the next one") {
  Backend backend;
  backend.ask();
  CHECK(backend.transport->written.starts_with("GET / HTTP/1.1\r\nHost: h\r\n"));
  backend.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  CHECK_FALSE(backend.finish());
  backend.transport->arrive("llo");
  CHECK(backend.status == 200);
  CHECK(backend.receiver.body == "hello");
  CHECK(backend.receiver.ended);
  CHECK(backend.finish());
  backend.ask_again();
  CHECK_FALSE(backend.connection->has_answered());
  backend.transport->arrive("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(backend.status == 204);
  CHECK(backend.finish());
}

TEST_CASE("interim responses come before the final one") {
  Backend backend;
  backend.ask();
  backend.transport->arrive(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
      "Content-Length: 2\r\n\r\nok");
  CHECK(backend.status == 200);
  CHECK(backend.receiver.body == "ok");
}

TEST_CASE("a connection in doubt is never used again") {
  const auto reusable = [](const std::string& request, const std::string& response) {
    Backend backend;
    backend.ask(request);
    backend.transport->arrive(response);
    return backend.finish();
  };
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  CHECK(reusable(get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  CHECK_FALSE(reusable(get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nleftover"));
  CHECK_FALSE(reusable(get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokleftover"));
  CHECK_FALSE(reusable(get, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  CHECK_FALSE(reusable(get, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  // The response came before the request was whole.
  CHECK_FALSE(reusable("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
                       "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"));
  // The body that a HEAD response must not have.
  CHECK_FALSE(
      reusable("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"));
}

TEST_CASE("no more and no less of a request's body is sent than its head has said") {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
  const auto pass = [](Backend& backend) {
    backend.clock.advance(Duration{2});
    backend.deadlines.expire();
  };
  Backend more;
  more.ask(post);
  CHECK(more.connection->write_body("hel") == Flow::open);
  CHECK(more.connection->write_body("loGET /smuggled") == Flow::blocked);
  CHECK(more.connection->write_body("lo") == Flow::blocked);  // What was cut out is not mended.
  more.connection->end_body({});
  CHECK(more.transport->written.ends_with("\r\n\r\nhel"));
  pass(more);
  CHECK(more.error == "the request's body is not as long as its head says");
  CHECK_FALSE(more.finish());

  Backend less;
  less.ask(post);
  less.connection->write_body("hel");
  CHECK(less.connection->end_body({}) == Flow::blocked);
  less.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK_FALSE(less.finish());

  Backend just;
  just.ask(post);
  just.connection->write_body("hel");
  just.connection->write_body("lo");
  CHECK(just.connection->end_body({}) == Flow::open);
  just.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(just.finish());
}

TEST_CASE("a response cut short is an error, one that ends with the connection is whole") {
  Backend cut;
  cut.ask();
  cut.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  cut.transport->end();
  CHECK(cut.receiver.error == "the backend closed the connection in the middle of its response");
  Backend chunked;
  chunked.ask();
  chunked.transport->arrive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  chunked.transport->end();
  CHECK(chunked.receiver.error != "");
  Backend whole;
  whole.ask();
  whole.transport->arrive("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  whole.transport->end();
  CHECK(whole.receiver.body == "until the end");
  CHECK(whole.receiver.error == "");
  CHECK(whole.receiver.ended);
}

TEST_CASE("garbage, and a connection closed before any answer, are errors") {
  for (const char* bytes : {"garbage\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"}) {
    Backend backend;
    backend.ask();
    backend.transport->arrive(bytes);
    CHECK(backend.error != "");
    CHECK_FALSE(backend.finish());
  }
  Backend closed;
  closed.ask();
  closed.transport->end();
  CHECK(closed.error == "the backend closed the connection");
  CHECK_FALSE(closed.connection->has_answered());
}

TEST_CASE("a backend that had closed before the request came has taken nothing of it") {
  for (const size_t of_the_second : {0, 1}) {
    for (const bool in_order : {true, false}) {
      Backend backend;
      backend.ask();
      backend.transport->arrive("HTTP/1.1 204 No Content\r\n\r\n");
      REQUIRE(backend.finish());
      backend.transport->acknowledged = backend.transport->written.size() + of_the_second;
      backend.ask_again();
      CHECK_FALSE(backend.connection->has_taken_nothing());
      backend.transport->end(in_order ? Result<void>()
                                      : Result<void>(Error{.code = ErrorCode::reset, .message = "reset"}));
      CHECK_FALSE(backend.error.empty());
      CHECK(backend.connection->has_taken_nothing() == (in_order && of_the_second == 0));
    }
  }
}

TEST_CASE("a resting connection says when it is of no more use") {
  const auto rested = [](const std::function<void(Backend&)>& event) {
    Backend backend;
    backend.ask();
    backend.transport->arrive("HTTP/1.1 204 No Content\r\n\r\n");
    TestOwnerOfOne owner;
    backend.connection->set_owner(owner);
    REQUIRE(backend.finish());
    event(backend);
    return owner.is_gone;
  };
  CHECK_FALSE(rested([](Backend&) {}));
  CHECK(rested([](Backend& backend) { backend.transport->end(); }));
  CHECK(rested([](Backend& backend) { backend.transport->arrive("HTTP/1.1 408 Too late\r\n\r\n"); }));
}

TEST_CASE("a paused response stays with the backend, and comes whole after") {
  Backend backend;
  backend.ask();
  backend.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab");
  backend.connection->pause_body();
  backend.transport->arrive("cd");
  CHECK_FALSE(backend.transport->reading);
  CHECK(backend.receiver.body == "ab");
  backend.connection->resume_body();
  CHECK(backend.transport->reading);
  backend.transport->arrive("ef");
  CHECK(backend.receiver.body == "abcdef");
  CHECK(backend.finish());
}

TEST_CASE("a 101 to an upgrade that was asked for opens a tunnel, and the connection serves nobody else") {
  Backend backend;
  backend.request.clear();
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  REQUIRE(decoder.decode("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                         backend.request));
  backend.connection->send_head(backend.request, {.client_ip = "192.0.2.7", .upgrade = "x"},
                                Follows::nothing_yet);
  backend.wait = backend.connection->read_head([&](Result<const http::ResponseHead*> head) {
    REQUIRE(head);
    backend.status = (*head)->status;
    backend.connection->switch_protocols();
    backend.connection->start_body(backend.receiver);
  });
  backend.transport->arrive(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst");
  CHECK(backend.status == 101);
  CHECK(backend.receiver.body == "first");
  backend.transport->written.clear();
  backend.connection->write_body("raw");
  CHECK(backend.transport->written == "raw");
  backend.connection->end_body({});
  CHECK(backend.transport->is_shut_down);
  backend.transport->arrive("last");
  backend.transport->end();
  CHECK(backend.receiver.body == "firstlast");
  CHECK(backend.receiver.error == "");
  CHECK_FALSE(backend.finish());
}

/// Asks, and takes the head alone: what follows is started later, as for a client that takes nothing now.
void ask_for_head(Backend& backend, const http::RequestForwarding& forwarding = {}) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  REQUIRE(decoder.decode("GET / HTTP/1.1\r\nHost: h\r\n\r\n", backend.request));
  backend.connection->send_head(backend.request, forwarding, Follows::nothing_yet);
  backend.wait = backend.connection->read_head(
      [&](Result<const http::ResponseHead*> head) { backend.status = head ? (*head)->status : -1; });
}

TEST_CASE("the end of a body that came while nothing received it is not lost") {
  Backend backend;
  SUBCASE("an empty one that ends with the connection") {
    ask_for_head(backend);
    backend.transport->arrive("HTTP/1.1 200 OK\r\n\r\n");
    backend.transport->end();
  }
  SUBCASE("one of length zero") {
    ask_for_head(backend);
    backend.transport->arrive("HTTP/1.1 379 PartialPOST Replay\r\nContent-Length: 0\r\n\r\n");
  }
  SUBCASE("an empty chunked one") {
    ask_for_head(backend);
    backend.transport->arrive("HTTP/1.1 379 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  }
  SUBCASE("a tunnel of which nothing came") {
    ask_for_head(backend, {.upgrade = "x"});
    backend.transport->arrive(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    backend.connection->switch_protocols();
    backend.transport->end();
  }
  REQUIRE(backend.status > 0);
  backend.connection->start_body(backend.receiver);
  CHECK(backend.receiver.ended);
  CHECK(backend.receiver.error == "");
  CHECK(backend.receiver.body == "");
}

TEST_CASE("the end comes behind what was kept, and is no other exchange's") {
  Backend backend;
  ask_for_head(backend);
  backend.transport->arrive("HTTP/1.1 200 OK\r\n\r\nhello");
  backend.transport->end();
  backend.connection->start_body(backend.receiver);
  CHECK(backend.receiver.body == "hello");
  CHECK(backend.receiver.ended);
  Backend other;
  ask_for_head(other);
  other.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(other.finish());
  other.ask_again();
  other.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  CHECK_FALSE(other.receiver.ended);
  other.transport->arrive("ok");
  CHECK(other.receiver.ended);
}

TEST_CASE("a 101 that nobody asked for is the backend's fault") {
  Backend backend;
  backend.ask();
  backend.transport->arrive("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  CHECK(backend.error == "the backend switched protocols unasked");
}

TEST_CASE("a preface leaves before the head") {
  Backend backend;
  backend.connection->send_preface("PROXY UNKNOWN\r\n");
  backend.ask();
  CHECK(backend.transport->written.starts_with("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"));
  backend.transport->arrive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(backend.status == 200);
  CHECK(backend.finish());
}

TEST_CASE("a chunked response's trailers are there at its end, and a request's follow its last chunk") {
  Backend backend;
  backend.ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  backend.connection->end_body({{"A", "b"}});
  CHECK(backend.transport->written.ends_with("\r\n\r\n0\r\nA: b\r\n\r\n"));
  backend.transport->arrive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nC: d\r\n\r\n");
  CHECK(backend.receiver.ended);
  CHECK(backend.connection->trailers().lines() == "C: d\r\n");
}

}  // namespace
}  // namespace sluice::wire
