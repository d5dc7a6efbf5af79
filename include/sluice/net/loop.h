// One thread's event loop over libuv: the executor and the network of the real program, which sleeps until a
// socket, a timer or another thread has something for it.
#pragma once

#include <sluice/base/executor.h>
#include <sluice/net/network.h>

#include <functional>
#include <memory>
#include <span>

struct uv_loop_s;

namespace sluice::net {

/// One thread's, but for post(). Everything on it is destroyed before it: its destructor runs the loop until
/// the last handle has closed and CHECKs that none is left, so every test of something on a loop is a leak
/// test.
class Loop final : public Executor, public Network {
 public:
  Loop();
  ~Loop();

  /// Runs until stop(). May be run again.
  void run();
  /// Runs turns until `done()` or until `bound` is over; returns done(). For tests and short-lived clients.
  bool run_until(const std::function<bool()>& done, Duration bound);
  /// Makes run() return after this turn.
  void stop();

  void post(std::function<void()> task) override;
  void run_later(Later& later) override;

  [[nodiscard]] std::unique_ptr<Acceptor> accept(const ListeningSocket& socket,
                                                 Acceptor::OnConnection on_connection,
                                                 Acceptor::Reserve reserve = Acceptor::Reserve::use) override;
  [[nodiscard]] Wait connect(const Address& address, OnConnected on_connected) override;
  Result<std::unique_ptr<Transport>> adopt(Descriptor connection) override;
  std::span<char> scratch() override;

  /// For net/ only.
  uv_loop_s* raw();

 private:
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
