// A client that never retries and sees every byte: blocking sockets with deadlines, and loops of requests.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "process.h"

namespace sluice::e2e {

struct Response {
  int status = 0;  ///< 0: none came; see error
  std::string head{};
  std::string body{};
  std::string error{};  ///< "closed", "reset", "timed out", ...
  bool ok() const { return status >= 200 && status < 300 && error.empty(); }
};

/// One connection.
class RawClient {
 public:
  RawClient() = default;
  explicit RawClient(int port) { connect(port); }
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&& other) noexcept;
  ~RawClient() { close(); }

  bool connect(int port);
  void close();
  bool send(const std::string& bytes);
  /// What comes until the peer closes or `bound` is over; at most `most` bytes.
  std::string receive_all(milliseconds bound = 10s, size_t most = SIZE_MAX);
  /// One response, by its Content-Length, chunks or the connection's end.
  Response receive(bool to_head = false, milliseconds bound = 30s);
  Response get(const std::string& path);
  Response post(const std::string& path, const std::string& body);
  /// Nothing has come and the peer has not closed.
  bool is_open() const;

 private:
  bool fill(std::chrono::steady_clock::time_point end, std::string& error);

  int socket_ = -1;
  std::string input_;
};

/// It tells the client that the connection ends with it.
bool says_close(const Response& response);
/// How many answer a request, and none of these with its end.
size_t count_alive(std::vector<RawClient>& clients);
std::vector<RawClient> connect_many(int port, size_t count);

/// Threads that send one kind of request again and again on keep-alive connections, and count. A connection
/// that failed is opened anew, the request is never repeated.
class LoopingClient {
 public:
  LoopingClient(int port, int threads, std::string request);
  ~LoopingClient() { stop(); }

  /// Ends the loops.
  void stop();
  uint64_t ok() const { return ok_; }
  uint64_t failed() const { return failed_; }
  /// Connections that ended after a response that said so.
  uint64_t told_to_close() const { return told_to_close_; }
  /// What the first failure was.
  std::string first_failure() const { return first_failure_; }
  /// The longest that a request took.
  milliseconds worst() const { return milliseconds(worst_ms_.load()); }

 private:
  void loop();

  int port_;
  std::string request_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> ok_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> told_to_close_{0};
  std::atomic<int64_t> worst_ms_{0};
  std::string first_failure_;  // written by the one that counts the first failure
  std::vector<std::thread> threads_;
};

std::string get_request(const std::string& path);
std::string post_request(const std::string& path, const std::string& body);

}  // namespace sluice::e2e
