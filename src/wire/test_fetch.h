// A fetch and what becomes of it, for its tests: over an in-memory transport, with a held clock.
#pragma once

#include <sluice/wire/fetch.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::wire {

constexpr Duration kFetchTime{5000};
inline const std::string kChunkedAnswer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

inline std::string ok_head(size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

/// A fetch on a connection of its own, what it has reported, and what became of the connection.
struct Fetching final : FetchHandler {
  enum class Connection { open, none_yet };
  explicit Fetching(const FetchLimits& limits = {.time = kFetchTime},
                    Connection at_first = Connection::open) {
    fetch.emplace(deadlines, *lingering, limits, static_cast<FetchHandler&>(*this));
    if (at_first == Connection::open) start();
  }
  void start() {
    auto made = std::make_unique<MemoryTransport>();
    transport = made.get();
    transport->at_close = [this](const MemoryTransport& gone) {
      if (gone.is_shut_down) closed = "in order";
      if (gone.resets) closed = "reset";
      if (closed.empty()) closed = "without an end";
      transport = nullptr;
    };
    const std::array<std::string_view, 2> request = {"GET / HTTP/1.1\r\nHost: ", "h\r\n\r\n"};
    fetch->start(std::move(made), request);
  }

  void on_head(const http::ResponseHead& head) override {
    ++heads;
    status = head.status;
    if (at_head) at_head();
  }
  void on_body(std::string_view piece) override {
    body += piece;
    if (at_body) at_body();
  }
  void on_end(Result<void> how) override {
    ++ends;
    end = how ? "whole" : std::string(how.error().message);
    if (!how) code = std::string(name(how.error().code));
    if (at_end) at_end();
  }

  void pass(int milliseconds) {
    clock.advance(Duration{milliseconds});
    deadlines.expire();
  }
  void arrive_bytewise(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) transport->arrive(bytes.substr(i, 1));
  }

  std::function<void()> at_head, at_body, at_end;
  int heads = 0;
  int ends = 0;
  int status = 0;
  std::string body;
  std::string end;     // empty: not yet
  std::string code;    // of the error that it ended with
  std::string closed;  // empty: not yet
  MemoryTransport* transport = nullptr;
  HeldClock clock;
  Deadlines deadlines{clock};
  std::optional<Lingering> lingering{std::in_place};
  std::optional<Fetch> fetch;
};

}  // namespace sluice::wire
