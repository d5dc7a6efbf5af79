// Bytes in, pieces of a body out, by any framing.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/head.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

/// Reads one body; pure; small (it is a member of every connection). Chunked framing is read by strict rules
/// of our own (RFC 9112 7.1): CRLF only, hexadecimal digits only, sizes checked for overflow, chunk
/// extensions and trailers bounded and dropped.
class BodyDecoder {
 public:
  BodyDecoder() = default;

  /// Starts on a new body.
  void begin(Framing framing);

  struct Piece {
    std::string_view data;  ///< the next bytes of the body, a view into what was given; may be empty
    size_t used = 0;        ///< bytes of the input that were consumed, data included
  };

  /// Takes the next piece from `bytes`. Call again with the rest while used < bytes.size() and
  /// !is_complete().
  Result<Piece> next(std::string_view bytes);

  /// The end of the body has been read.
  bool is_complete() const { return state_ == State::complete; }
  /// The peer has closed: true when that ends the body as it should (until_close), false when the body is
  /// cut.
  bool may_end_here() const { return state_ == State::complete || state_ == State::until_close; }

 private:
  enum class State : uint8_t {
    complete,
    length,
    until_close,
    chunk_size,  // before or in the digits
    chunk_extension,
    chunk_size_lf,
    chunk_data,
    chunk_data_cr,
    chunk_data_lf,
    trailer_start,  // at the start of a trailer line, or of the last CRLF
    trailer_line,
    trailer_line_lf,
    last_lf,
  };
  Result<Piece> next_chunked(std::string_view bytes);
  Result<void> step(char c);
  Result<void> go(State next);
  Result<void> count_overhead();

  State state_ = State::complete;
  uint8_t digits_ = 0;
  uint16_t overhead_ = 0;  // bytes of extensions or trailers so far
  uint64_t left_ = 0;
};

}  // namespace sluice::http
