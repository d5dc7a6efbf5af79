// An answer as the bytes of one response, part by part, so that no more than a part is ever in memory twice.
// Pure.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "demo/answer.h"

namespace sluice::demo {

class Response {
 public:
  /// What the request, and the connection, want of the response.
  struct Terms {
    bool to_head = false;      ///< no body, whatever the answer
    bool to_http_1_0 = false;  ///< knows no chunks, and needs Connection: keep-alive
    bool close = false;        ///< the connection's last
  };
  Response(Answer answer, Terms terms, std::string_view version);

  struct Part {
    std::string bytes{};
    Duration pause{};  ///< before the next part, or before the end
  };
  /// The next part; while !is_done().
  Part next();
  bool is_done() const { return head_.empty() && left_ == 0 && tail_.empty(); }

  /// What becomes of the connection then.
  enum class End : uint8_t { keep_alive, close, reset };
  End end() const { return end_; }

 private:
  std::string head_of(std::string_view version) const;
  void add_piece(std::string& bytes);
  void add_chunk(Part& part);

  Answer answer_;
  Terms terms_;
  std::string head_;   // to be sent first
  uint64_t left_ = 0;  // of the body: bytes, or of a stream chunks
  std::string tail_;   // to be sent last
  End end_;
};

}  // namespace sluice::demo
