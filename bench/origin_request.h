// What the bench's origin reads of a request: where its head and its body end, the target, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::bench {

struct Request {
  std::string_view target{};  ///< into the bytes that were read
  uint64_t length = 0;        ///< of the body, unless it is chunked
  bool chunked = false;
  bool old = false;    ///< HTTP/1.0: the connection ends with the answer, unless both say that it does not
  bool close = false;  ///< the connection ends with the answer
};

/// The size of the head that `bytes` begin with; 0 while it is not complete. Trusts the proxy in front of it.
size_t read_head(std::string_view bytes, Request& request);

/// Finds the end of a chunked body. Knows no chunk extensions: no proxy of the bench sends any.
class ChunkedBody {
 public:
  /// How many of `bytes` belong to the body.
  size_t take(std::string_view bytes);
  bool is_complete() const { return state_ == State::complete; }

 private:
  enum class State : uint8_t { size, data, trailer, complete };
  void take_size(char c);
  void take_trailer(char c);

  State state_ = State::size;
  uint64_t left_ = 0;       // of a chunk's size, then of its data and the CRLF behind it
  bool line_empty_ = true;  // of the trailer, so far
};

}  // namespace sluice::bench
