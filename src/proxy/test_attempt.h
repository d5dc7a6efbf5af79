// What the tests of attempts share: an attempt at the first of two backends, and what it reports.
#pragma once

#include <sluice/proxy/attempt.h>
#include <sluice/proxy/request_body.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/login_connections.h"
#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

struct TestAttempt final : AttemptOwner, RequestBodyOwner, LoginConnectionsOwner {
  explicit TestAttempt(TestSettings settings = {}, const std::string& request = kPlainGet)
      : worker(std::move(settings)), client(request) {
    worker.begin(flight, client);
    flight.attempts = 1;
    plan.logins = &logins;
    if (client.request().framing.has_body()) {
      plan.body = &body.emplace(flight, static_cast<RequestBodyOwner&>(*this));
    }
    begin(worker.members[0]);
  }

  void begin(const std::shared_ptr<upstream::Backend>& at) {
    auto lease = upstream::Backend::lease(at);
    REQUIRE(lease);
    attempt.emplace(flight, plan, static_cast<AttemptOwner&>(*this), *std::move(lease));
  }
  /// A connection to the first backend that has served two requests, and rests for so long.
  TestBackend* rest(Duration idle = {}) {
    TestBackend* const resting = rest_after_one();
    auto stream = connections().try_stream({.may_be_repeated = true});
    REQUIRE(stream.get() == resting);
    connections().give_back(std::move(stream));
    REQUIRE(resting->is_parked);
    worker.pass(idle);
    return resting;
  }
  /// ... on which the client has logged in.
  TestBackend* rest_with_login(Duration idle = {}) {
    auto stream = worker.open_stream(0);
    TestBackend* const resting = worker.dialer.adopted();
    resting->reusable = true;
    logins.keep(worker.pool, worker.members[0], std::move(stream), std::chrono::seconds(60));
    worker.pass(idle);
    return resting;
  }
  upstream::Connections& connections() { return worker.members[0]->connections(); }
  /// Sends the request on a new connection.
  void dial() {
    attempt->dial();
    accept();
  }
  void accept() {
    backend = worker.dialer.accept();
    to_backend = backend->sink.taken();
  }
  /// ... or on one that has served another request.
  void send_again() {
    backend = rest();
    to_backend = backend->sink.taken();
    REQUIRE(attempt->take_connection({.may_be_repeated = true}));
    attempt->send();
  }
  /// A whole response without a body has come.
  void finish(const std::string& response, bool keep = true) {
    backend->reusable = true;
    backend->answer(response);
    attempt->finish(*answer, keep);
  }

  void on_sending(Attempt& which) override {
    CHECK(&which == &*attempt);
    said += "sending ";
  }
  void on_interim(Attempt&, const http::ResponseHead& interim) override {
    said += "interim:" + std::to_string(interim.status) + " ";
  }
  void on_head(Attempt&, const http::ResponseHead& last) override {
    said += "head:" + std::to_string(last.status) + " ";
    answer = &last;
    if (drops) attempt.reset();
  }
  void on_attempt_over(Attempt&, AttemptOutcome how) override {
    said += "over ";
    outcome = std::move(how);
    if (drops) attempt.reset();
  }
  bool waits_for_client() const override { return is_client_slow; }
  void on_login_ended() override { ++logins_ended; }
  void on_body_moved() override {}
  void on_body_sent() override {}
  void on_body_refused(const Error&) override {}
  void on_body_lost(observe::Cause, std::string_view) override {}

  static constexpr const char* kPlainGet = "GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n";
  TestWorker worker;
  TestClient client;
  InFlight flight;
  RequestPlan plan;
  int logins_ended = 0;
  LoginConnections logins{static_cast<LoginConnectionsOwner&>(*this)};
  bool is_client_slow = false;  ///< what waits_for_client() says
  bool drops = false;           ///< the attempt, in its last call
  std::string said;             ///< by the attempt
  AttemptOutcome outcome{};
  const http::ResponseHead* answer = nullptr;
  TestBackend* backend = nullptr;  ///< as long as the attempt or its backend keeps it
  std::shared_ptr<Taken> to_backend;
  std::optional<RequestBody> body;
  std::optional<Attempt> attempt;

 private:
  TestBackend* rest_after_one() {
    auto stream = worker.open_stream(0);
    TestBackend* const resting = worker.dialer.adopted();
    resting->reusable = true;
    connections().give_back(std::move(stream));
    return resting;
  }
};

}  // namespace sluice::proxy
