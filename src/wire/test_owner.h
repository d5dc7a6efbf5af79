// The owner of a client's connection, for the tests of wire/.
#pragma once

#include <memory>
#include <string>

#include "wire/http1_server_connection.h"
#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::wire {

inline const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// A connection whose owner notes the callbacks that it gets.
struct Owner final : ServerHandler, StreamHandler {
  enum class Start { now, later };
  explicit Owner(Start start = Start::now) {
    auto made = std::make_unique<MemoryTransport>();
    transport = made.get();
    context.settings = {.head_timeout = Duration{10'000},
                        .body_timeout = Duration{30'000},
                        .write_timeout = Duration{20'000},
                        .idle_timeout = Duration{60'000}};
    auto from = accepted(*made, {});
    connection = std::make_unique<Http1ServerConnection>(std::move(made), std::move(from), context);
    if (start == Start::now) connection->start(*this);
  }
  /// Goes on where another owner has left.
  explicit Owner(BetweenRequests from) : Owner(Start::later) {
    auto made = std::make_unique<MemoryTransport>();
    transport = made.get();
    connection = std::make_unique<Http1ServerConnection>(std::move(made), std::move(from), context);
    connection->start(*this);
  }
  void on_request(ServerStream& request) override {
    stream = &request;
    stream->set_handler(*this);
    targets += std::string(stream->request().target()) + " ";
    if (answer_at_once) answer();
  }
  void on_bad_request(ServerStream& request, const Error& error) override {
    stream = &request;
    bad_status = error.status;
    stream->send_reply({.status = error.status, .explanation = error.message});
    stream->finish();
  }
  void on_client_gone(const Error& error) override { gone = std::string(name(error.code)); }
  void on_idle() override {
    if (!is_leaving) return;
    left = connection->suspend()->at;
    written = transport->written;
    connection.reset();
    transport = nullptr;
  }
  void on_over() override {
    is_over = true;
    resets = transport->resets;
    written = transport->written;
    connection.reset();
    transport = nullptr;
  }
  http::ResponseHead response(const std::string& text) {
    http::ResponseHead head;
    http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
    REQUIRE(decoder.decode(text, head, false));
    return head;
  }
  void answer() {
    stream->send_reply({.status = 404, .explanation = "x"});
    stream->finish();
  }
  void pass(int milliseconds) {
    clock.advance(Duration{milliseconds});
    deadlines.expire();
  }

  HeldClock clock;
  Deadlines deadlines{clock};
  ServerContext context{
      .deadlines = deadlines, .settings = {}, .readings = FreeList<wire::RequestReading>(), .out = {}};
  MemoryTransport* transport = nullptr;
  std::unique_ptr<Http1ServerConnection> connection;
  ServerStream* stream = nullptr;  // of the last request
  std::string targets;
  std::string gone;
  int bad_status = 0;
  bool answer_at_once = false;
  bool is_leaving = false;                // to the next owner, as soon as it can
  std::optional<BetweenRequests> left{};  // for that one
  std::string written{};                  // until then, or until the connection was over
  bool is_over = false;
  bool resets = false;
};

}  // namespace sluice::wire
