// What the tests of the demo application are made of: an application and its clients, on one loop.
#pragma once

#include <sluice/demo/demo_app.h>
#include <sluice/net/loop.h>
#include <sluice/net/transport.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

namespace sluice::demo::test {

constexpr Duration kLong{20'000};                 // nothing that works takes this long
constexpr size_t kMuch = size_t{20} << 20;        // more than the kernel's buffers take
const std::string kMuchPath = "/bytes/20971520";  // answers kMuch bytes

inline std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

/// A client, which reads only while it is asked what it has received.
class Peer final : private net::Reader {
 public:
  Peer(net::Loop& loop, const Address& address) : loop_(loop) {
    wait_ = loop.connect(address, [this](Result<std::unique_ptr<net::Transport>> connected) {
      if (connected) transport_ = *std::move(connected);
    });
    REQUIRE(loop.run_until([this] { return transport_ != nullptr; }, kLong));
  }

  void send(std::string_view bytes) { transport_->write({&bytes, 1}); }
  /// Ends our direction.
  void end() { transport_->shutdown(); }
  /// Goes away in the middle of it all.
  void reset() {
    transport_->reset_on_close();
    transport_.reset();
  }
  size_t unsent_bytes() const { return transport_->pending_bytes(); }

  bool receives(std::string_view text) {
    return reads_until([&] { return received_.find(text) != std::string::npos; });
  }
  bool receives_bytes(size_t count) {
    return reads_until([&] { return received_.size() >= count; });
  }
  bool sees_the_end() {
    return reads_until([this] { return ended_; });
  }
  /// The end was no error.
  bool ended_in_order() const { return ended_ && !error_; }
  const std::string& received() const { return received_; }
  size_t count(std::string_view text) const {
    size_t found = 0;
    for (size_t at = received_.find(text); at != std::string::npos; at = received_.find(text, at + 1))
      ++found;
    return found;
  }

 private:
  bool reads_until(const std::function<bool()>& done) {
    if (!ended_) transport_->start_reading(*this);
    const bool is_done = loop_.run_until(done, kLong);
    if (!ended_) transport_->stop_reading();
    return is_done;
  }
  void on_bytes(std::string_view bytes) override { received_.append(bytes); }
  void on_end(Result<void> how) override {
    ended_ = true;
    if (!how) error_ = how.error();
  }

  net::Loop& loop_;
  Wait wait_;
  std::unique_ptr<net::Transport> transport_;
  std::string received_;
  std::optional<Error> error_;
  bool ended_ = false;
};

inline DemoAppOptions quick() {
  DemoAppOptions options;
  options.bind = *Address::parse("127.0.0.1:0");
  options.delay = Duration{0};
  options.linger = Duration{1};
  return options;
}

/// An application on a loop of its own.
struct App {
  explicit App(DemoAppOptions options = quick()) : app(*DemoApp::start(loop, std::move(options))) {}

  std::unique_ptr<Peer> connect() { return std::make_unique<Peer>(loop, app->address()); }
  /// All that comes when this is asked on a connection of its own.
  std::string ask(const std::string& request) {
    const auto peer = connect();
    peer->send(request);
    peer->end();
    CHECK(peer->sees_the_end());
    return peer->received();
  }
  /// Runs until the application has read what was sent before: it reads in order of arrival.
  void settle() {
    for (int i = 0; i < 2; ++i) ask(get("/ping"));
  }
  void shutdown() {
    app->shutdown([this] { ++times_done; });
  }
  bool ends() {
    return loop.run_until([this] { return times_done > 0; }, kLong);
  }

  net::Loop loop;
  std::unique_ptr<DemoApp> app;
  int times_done = 0;
};

}  // namespace sluice::demo::test
