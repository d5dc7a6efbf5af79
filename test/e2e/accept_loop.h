// What test backends share: a listening socket, and a thread that serves all its connections.
#pragma once

#include <poll.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::e2e {

/// One connection, on the loop's thread. Closes its socket.
class Served {
 public:
  explicit Served(int socket) : socket_(socket) {}
  virtual ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  int socket() const { return socket_; }
  bool is_over() const { return is_over_; }
  /// Left alone in this turn: neither waited for nor served.
  virtual bool is_held() const { return false; }
  /// The events to wait for.
  virtual short wanted() const { return POLLIN; }
  /// Each turn, with those that there are.
  virtual void serve(short events) = 0;

 protected:
  void end() { is_over_ = true; }

 private:
  int socket_;
  bool is_over_ = false;
};

/// Begins to accept when it is made, and ends every connection when it goes.
class AcceptLoop {
 public:
  using Accept = std::function<std::unique_ptr<Served>(int socket)>;
  explicit AcceptLoop(Accept accept);
  ~AcceptLoop();
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// [pool.shop] over it alone, without probes.
  std::string pool(const std::string& more) const;

 private:
  void run();

  Accept accept_;
  int listening_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // the last: it uses all the others
};

}  // namespace sluice::e2e
