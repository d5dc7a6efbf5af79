// Bytes in, a head out: HTTP/1's start line and fields, read by llhttp and then checked against our own
// rules.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/head.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace sluice::http {

struct HeadLimits {
  size_t bytes = size_t{32} * 1024;
  size_t fields = 100;
  size_t target_bytes = size_t{8} * 1024;
};

/// Reads one head at a time; pure. Errors carry the status that answers them (400, 414, 417, 431, 501, 505)
/// when they are about a request. The method is ours to read, since llhttp knows only the ones of its list. A
/// decoder that has failed is done for: its connection is in doubt.
class HeadDecoder {
 public:
  enum class Of { request, response };

  HeadDecoder(Of of, HeadLimits limits);
  ~HeadDecoder();
  /// Whatever it was in the middle of: the next byte begins a head.
  void clear() {
    if (!is_fresh_) reset();
  }
  /// For the heads from the next one on; between heads only.
  void set_limits(HeadLimits limits) { limits_ = limits; }
  HeadDecoder(const HeadDecoder&) = delete;
  HeadDecoder& operator=(const HeadDecoder&) = delete;

  struct Progress {
    size_t used =
        0;  ///< bytes of `bytes` that belong to this head; what follows is the body, or the next message
    bool complete = false;  ///< false: all of `bytes` was used and more is needed
  };

  /// Appends to `head`, which is the same, first cleared, one from a head's first byte to its last. When
  /// complete, the head has all its parts, its framing and keep_alive set, and the decoder is ready for the
  /// next head.
  Result<Progress> decode(std::string_view bytes, RequestHead& head);
  /// `to_head_request`: the response answers a HEAD, so has no body whatever its fields say (RFC 9112 6.3).
  Result<Progress> decode(std::string_view bytes, ResponseHead& head, bool to_head_request);

  /// True once a byte of a head that is not complete has come (blank lines before a request do not count).
  bool has_begun() const;
  /// What has come of a head that is not complete, to be decoded anew elsewhere. `head` is what the
  /// decoder appends to.
  std::string_view taken(const Head& head) const;

 private:
  struct Parser;
  friend struct HeadCallbacks;
  void reset();
  Parser& parser();
  const Parser& parser() const;
  bool skip_blank_lines(std::string_view& bytes);
  Result<size_t> take_method(std::string_view bytes, Head& head);
  Result<Progress> run(std::string_view bytes, Head& head);
  struct Fed {
    int status;         ///< llhttp's
    size_t stopped_at;  ///< in the head; on an error or its end
  };
  Fed execute(std::string_view bytes, size_t before, Head& head);
  Fed execute_response(std::string_view bytes, Head& head);
  Result<size_t> feed(std::string_view bytes, Head& head);

  // llhttp's state, in place: an idle connection has one, and its type stays within the .cpp.
  alignas(8) std::array<unsigned char, 160> parser_;
  HeadLimits limits_;
  Of of_;
  bool is_fresh_ = false;
};

}  // namespace sluice::http
