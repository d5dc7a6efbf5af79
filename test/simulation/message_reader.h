// Reads HTTP/1.1 messages that Sluice has written, for the simulated peers: small, strict, and nothing of
// Sluice's own decoders in it, since it judges them. What a strict peer would refuse fails the run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::simulation {

class MessageReader {
 public:
  enum class Of { request, response };
  explicit MessageReader(Of of) : of_(of) {}

  /// Before a response: what it answers.
  void answers_head(bool to_head) { to_head_ = to_head; }
  /// Takes bytes of the message, and returns how many. The rest belongs to the next one.
  size_t read(std::string_view bytes);
  /// Sluice's direction has ended in order.
  void end();
  /// Forgets the message.
  void next();

  bool has_begun() const { return !head_.empty(); }
  bool has_head() const { return state_ != State::head; }
  bool is_whole() const { return state_ == State::whole; }

  // Once it has a head.
  std::string_view method() const { return word(0); }
  std::string_view target() const { return word(1); }
  int status() const;
  /// Empty when there is none; with several, the run fails.
  std::string_view find(std::string_view name) const;
  bool is_chunked() const { return framing_ == Framing::chunked; }
  const std::string& body() const { return body_; }

 private:
  enum class State { head, body, chunk_size, chunk_data, chunk_end, trailers, whole };
  enum class Framing { none, length, chunked, until_close };

  size_t read_head(std::string_view bytes);
  size_t read_data(std::string_view bytes);
  size_t read_line(std::string_view bytes);
  void on_head();
  void choose_framing();
  void on_line();
  std::string_view start_line() const { return std::string_view(head_).substr(0, head_.find("\r\n")); }
  std::string_view word(size_t index) const;

  Of of_;
  bool to_head_ = false;
  State state_ = State::head;
  Framing framing_ = Framing::none;
  uint64_t left_ = 0;  // of the body, or the chunk
  std::string head_;
  std::string line_;  // of a chunk's framing
  std::string body_;
};

}  // namespace sluice::simulation
