// A backend that believes nothing: it keeps every byte it gets, reads it strictly, and lies when it is told
// to.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "strict_http.h"

namespace sluice::e2e {

/// What stands in place of the plain 200.
struct Answer {
  enum class Then { keep, close, reset };
  std::string bytes{};
  Then then = Then::keep;
};

/// Answers /ping with 200, and each whole request with a 200 whose body is body_for() its target. A
/// connection on which something invalid comes is closed.
class RecordingOrigin {
 public:
  RecordingOrigin();
  ~RecordingOrigin();
  RecordingOrigin(const RecordingOrigin&) = delete;
  RecordingOrigin& operator=(const RecordingOrigin&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// [pool.shop] over it alone.
  std::string pool(const std::string& more = "") const;
  static std::string body_for(std::string_view target);

  /// From now on this target is answered so.
  void answer(const std::string& target, Answer answer);
  /// Bytes that were not asked for, on every open connection. How many those were.
  size_t push(const std::string& bytes);

  /// The whole requests since the last forget(), in their order.
  std::vector<StrictRequest> requests() const;
  /// Every byte since then, that of probes apart.
  std::string bytes() const;
  /// What was invalid since then.
  std::vector<std::string> violations() const;
  /// Open connections on which a request has begun and not ended.
  size_t unfinished() const;
  /// Open connections, those of probes apart.
  size_t connections() const;
  void forget();

 private:
  struct Connection {
    int socket = -1;
    std::string input{};  // not yet a whole request
    bool is_probe = false;
    bool is_over = false;
  };

  void run();
  void accept_one();
  void read(Connection& connection);
  bool take_request(Connection& connection);
  void end(Connection& connection, Answer::Then how);

  int listening_ = -1;
  int wake_[2] = {-1, -1};
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Connection> connections_;
  std::map<std::string, Answer> answers_;
  std::vector<StrictRequest> requests_;
  std::vector<std::string> violations_;
  std::string bytes_;
  std::thread thread_;  // the last: it uses all the others
};

}  // namespace sluice::e2e
