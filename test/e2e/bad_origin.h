// A backend that is bad in every way that a test wishes for, and can be good as well.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice::e2e {

enum class Way {
  good,               ///< 200 to all
  silent,             ///< takes requests and answers none
  trickles,           ///< answers a byte a second
  resets,             ///< at each request
  resets_after_head,  ///< sends a head, a part of the body, and a reset
  garbage,            ///< sends what is no HTTP
  flaps,              ///< at 10 Hz: takes connections for 50 ms, then resets and refuses all for as long
};

/// What answers to anything but /ping are like; `way` good alone answers so.
struct Answering {
  int status = 200;
  std::string fields{};  ///< whole lines
};

/// Keeps its port. Answers /ping by itself, with whatever ping() has said, also while it is bad; but for
/// `flaps`, it takes connections all the time.
class BadOrigin {
 public:
  explicit BadOrigin(Way way = Way::good);
  ~BadOrigin();
  BadOrigin(const BadOrigin&) = delete;
  BadOrigin& operator=(const BadOrigin&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void become(Way way) { way_ = way; }
  void answer(const Answering& how);
  /// 0: /ping is never answered.
  void ping(int status) { ping_ = status; }
  /// That have come: probes, and the others.
  size_t pings() const { return pings_; }
  size_t requests() const { return requests_; }
  /// Open ones, but for those of probes.
  size_t connections() const { return connected_; }

 private:
  struct Connection {
    int socket = -1;
    std::string input{};
    std::string slowly{};  // what is still to be sent, a byte a second
    std::chrono::steady_clock::time_point next_byte{};
    bool is_probe = false;
  };
  enum class Then { keep, close, reset };

  void run();
  void listen();
  void refuse();
  void follow_way();
  Then read(Connection& connection);
  Then answer_request(Connection& connection, const std::string& head);
  void send_slowly(Connection& connection);
  static void end(Connection& connection, Then how);

  int port_ = 0;
  int reserve_ = -1;  // keeps the port while no process listens
  int listening_ = -1;
  std::atomic<Way> way_;
  std::atomic<int> ping_{200};
  std::atomic<size_t> pings_{0};
  std::atomic<size_t> requests_{0};
  std::atomic<size_t> connected_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Answering answering_;
  std::vector<Connection> connections_;
  std::thread thread_;  // the last: it uses all the others
};

}  // namespace sluice::e2e
