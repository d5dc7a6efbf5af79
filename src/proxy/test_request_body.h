// What the tests of request bodies share: a request with a body, and two attempts for it.
#pragma once

#include <sluice/proxy/request_body.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

/// The client has sent the head, and nothing of the body.
struct TestUpload final : RequestBodyOwner {
  explicit TestUpload(TestSettings settings = {}, const std::string& request = kPost)
      : worker(std::move(settings)), client(request) {
    worker.begin(flight, client);
    body.emplace(flight, *this);
  }

  void on_body_moved() override {
    ++moves;
    if (body) was_replayable = body->is_replayable();  // Else the test has another one.
  }
  void on_body_sent() override { said += "sent "; }
  void on_body_refused(const Error& error) override { said += "refused:" + error.message + " "; }
  void on_body_lost(observe::Cause cause, std::string_view explanation) override {
    said += "lost:" + std::string(name(cause)) + ":" + std::string(explanation) + " ";
  }

  /// All that is taken is remembered.
  void send_to(TestBackend& attempt) { body->send_to(attempt, wire::Flow::open, 1000); }
  /// This part goes to an attempt at a backend, which gives it back.
  TestBackend* give_back(std::string_view part, size_t backend = 0) {
    auto stream = std::make_unique<TestBackend>();
    body->send_to(*stream, wire::Flow::open, 0);
    client.source.say(part);
    return take_back(std::move(stream), backend);
  }
  /// The attempt on this stream is given back.
  TestBackend* take_back(std::unique_ptr<TestBackend> stream, size_t backend) {
    TestBackend* const giver = stream.get();
    given = stream->sink.taken();
    auto lease = upstream::Backend::lease(worker.members[backend]);
    REQUIRE(lease);
    body->take_back(*std::move(lease), upstream::StreamPtr(stream.release()));
    body->stop();
    return giver;
  }

  static constexpr const char* kPost = "POST /cart HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
  TestWorker worker;
  TestClient client;
  TestBackend first;
  TestBackend second;
  std::shared_ptr<Taken> to_first = first.sink.taken();
  std::shared_ptr<Taken> to_second = second.sink.taken();
  std::shared_ptr<Taken> given;  ///< what the last backend got that gave its part back
  InFlight flight;
  std::string said;  ///< by the body
  int moves = 0;
  bool was_replayable = true;  ///< when it moved last
  std::optional<RequestBody> body;
};

}  // namespace sluice::proxy
