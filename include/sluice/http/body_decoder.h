// Bytes in, pieces of a body out, by any framing.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/head.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice::http {

/// Reads one body; pure; small (it is a member of every connection). Chunked framing is read by strict rules
/// of our own (RFC 9112 7.1): CRLF only, hexadecimal digits only, sizes checked for overflow, chunk
/// extensions bounded and dropped, trailers bounded, checked and kept.
class BodyDecoder {
 public:
  BodyDecoder() = default;

  /// Whose body it is. Of a backend's, blanks before a chunk extension are taken (RFC 9112 7.1.1); a client's
  /// has to be as every reader in front of us reads it.
  enum class From : uint8_t { client, backend };
  /// Starts on a new body.
  void begin(Framing framing, From from = From::client);

  struct Piece {
    std::string_view data;  ///< the next bytes of the body, a view into what was given; may be empty
    size_t used = 0;        ///< bytes of the input that were consumed, data included
  };

  /// Takes the next piece from `bytes`. Call again with the rest while used < bytes.size() and
  /// !is_complete().
  Result<Piece> next(std::string_view bytes);

  /// What several calls of next() give; none of the pieces is empty.
  class Slices {
   public:
    static constexpr size_t kMost = 16;
    std::span<const std::string_view> data() const { return {data_.data(), count_}; }
    size_t bytes = 0;  ///< of all pieces
    size_t used = 0;   ///< bytes of the input that were consumed

   private:
    friend class BodyDecoder;
    std::array<std::string_view, kMost> data_;
    size_t count_ = 0;
  };
  /// All that `bytes` holds of the body, or the first Slices::kMost of it: chunks that came together can
  /// leave together.
  Result<Slices> next_slices(std::string_view bytes);

  /// To look ahead with: its trailers are its own.
  BodyDecoder copy() const;

  /// The end of the body has been read.
  bool is_complete() const { return state_ == State::complete; }
  /// The trailers that may be passed on, once the body is complete; valid until the next begin().
  const FieldList& trailers() const { return trailers_ ? trailers_->fields : kNoFields; }
  /// The peer has closed: true when that ends the body as it should (until_close), false when the body is
  /// cut.
  bool may_end_here() const { return state_ == State::complete || state_ == State::until_close; }

 private:
  enum class State : uint8_t {
    complete,
    length,
    until_close,
    chunk_size,   // before or in the digits
    chunk_blank,  // behind them, before an extension
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
  bool is_framed() const {
    return state_ != State::complete && state_ != State::length && state_ != State::until_close;
  }
  std::string_view next_plain(std::string_view bytes);
  Result<Piece> next_chunked(std::string_view bytes);
  Result<void> step(char c);
  Result<void> go(State next);
  Result<void> count_overhead();
  Result<void> keep_trailer(char c);
  Result<void> finish_trailers();

  struct Trailers {
    std::string lines{};  // as they come
    FieldList fields{};   // once all have come
  };

  State state_ = State::complete;
  From from_ = From::client;
  uint8_t digits_ = 0;
  uint16_t overhead_ = 0;  // bytes of extensions or trailers, less what came of the body since
  uint64_t left_ = 0;
  std::unique_ptr<Trailers> trailers_;  // Most bodies have none.
};

}  // namespace sluice::http
