// What the tests of a request's record share: a request that has a route and a pool, and what it leaves
// behind.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "observe/test_tools.h"
#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

/// One request at a time, and the access log.
struct TestRequest {
  explicit TestRequest(TestSettings settings = {}, const std::string& head = kGet)
      : worker(std::move(settings)), client(head) {
    auto opened = observe::AccessSink::open(folder.path("access.log"), observe::AccessFormat::json);
    REQUIRE(opened);
    sink = *opened;
    worker.access.set_sink(sink);
    worker.begin(flight, client);
  }

  void pass(int milliseconds) { worker.pass(Duration(milliseconds)); }
  void end(observe::Cause cause) { flight.end({.cause = cause}); }
  /// An attempt at this backend, on a new connection, until it ends.
  void begin_attempt(size_t backend) {
    flight.trace.attempt_begins();
    flight.trace.dials(worker.clock.now());
    flight.backend = TestWorker::address(backend);
    flight.was_tried = true;
  }
  void end_attempt(observe::Cause cause, int status = 0) { flight.note_attempt(cause, status); }

  /// The access log's lines without their time. No line may follow.
  std::vector<std::string> lines() {
    worker.access.flush();
    sink->finish(std::chrono::steady_clock::now() + std::chrono::seconds(10));
    auto all = observe::lines_of(observe::read_file(folder.path("access.log")));
    for (auto& line : all) line = "{" + line.substr(line.find(',') + 1);
    return all;
  }
  std::string line() {
    const auto all = lines();
    REQUIRE(all.size() == 1);
    return all.front();
  }
  /// Of the request's own id.
  RequestRecord record() const {
    const auto found = worker.context.recent.find(flight.request_id, 9);
    REQUIRE(found.size() == 1);
    return found.front();
  }

  static constexpr const char* kGet = "GET /cart?id=7 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
  observe::TempFolder folder;
  std::shared_ptr<observe::AccessSink> sink;
  TestWorker worker;
  TestClient client;
  InFlight flight;
};

}  // namespace sluice::proxy
