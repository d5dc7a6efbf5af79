// The demo application: the small HTTP service that `sluice demo`, conf/demo and the tests put behind the
// proxy. It shuts down the way a well-behaved service does: /ping says 503 first, every response is its
// connection's last, then it finishes what it has.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/net/network.h>

#include <functional>
#include <memory>
#include <string>

namespace sluice::demo {

struct DemoAppOptions {
  Address bind{};              ///< port 0: the kernel picks
  Duration delay{500};         ///< of /hello
  Duration linger{2000};       ///< how long it serves on after shutdown(), so that load balancers notice
  Duration idle{10'000};       ///< closes keep-alive connections after this long without a request; 0: never
  Duration patience{30'000};   ///< for a client that amid a request sends, or amid a response takes, nothing
  std::string version = "v1";  ///< sent as X-Version
  std::string log_path{};      ///< a line "begin <monotonic ns> <method> <target>" a request; empty: none
};

/// One loop's. Paths: /hello, /ping, /echo (the body back), /bytes/N, /slow/MS, /stream/N/MS (N chunks, one
/// every MS), /status/CODE (200 to 999); to test proxies with: /abort and /abort-midway (break the connection
/// before, or within, the response), /garbage (no HTTP), and /control/ping/ok|draining|fail|hang (what /ping
/// does from now on). /echo takes at most 128 MiB; other bodies are read and dropped.
class DemoApp {
 public:
  static Result<std::unique_ptr<DemoApp>> start(net::Network& network, DemoAppOptions options);
  ~DemoApp();
  DemoApp(const DemoApp&) = delete;
  DemoApp& operator=(const DemoApp&) = delete;

  const Address& address() const;
  /// From now on /ping answers 503, and every response says Connection: close. After `linger` it stops
  /// accepting, closes what is idle or hangs, finishes what is in flight (requests that have begun to come,
  /// and responses to their last byte), and runs `on_done`, in a later turn.
  void shutdown(std::function<void()> on_done);

 private:
  struct Impl;
  explicit DemoApp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::demo
