#include <sluice/base/check.h>
#include <sluice/http/body_decoder.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "http/strict.h"

namespace sluice::http {
namespace {

constexpr uint8_t kMostDigits = 16;            // of a chunk's size: all of 64 bits
constexpr uint16_t kMostOverhead = 16 * 1024;  // bytes of extensions and trailers of one body

Error malformed_body(const char* what) {
  return {.code = ErrorCode::malformed, .message = what, .origin = Origin::internal, .status = 400};
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

}  // namespace

void BodyDecoder::begin(Framing framing, From from) {
  from_ = from;
  digits_ = 0;
  overhead_ = 0;
  trailers_.reset();
  left_ = framing.length;
  switch (framing.kind) {
    case Framing::Kind::none:
      state_ = State::complete;
      break;
    case Framing::Kind::length:
      state_ = left_ == 0 ? State::complete : State::length;
      break;
    case Framing::Kind::chunked:
      left_ = 0;
      state_ = State::chunk_size;
      break;
    case Framing::Kind::until_close:
      state_ = State::until_close;
      break;
    case Framing::Kind::stream_end:
      CHECK(false);  // HTTP/2 has frames for its bodies.
      break;
  }
}

BodyDecoder BodyDecoder::copy() const {
  BodyDecoder copy;
  copy.state_ = state_;
  copy.from_ = from_;
  copy.digits_ = digits_;
  copy.overhead_ = overhead_;
  copy.left_ = left_;
  if (trailers_) copy.trailers_ = std::make_unique<Trailers>(*trailers_);
  return copy;
}

Result<BodyDecoder::Piece> BodyDecoder::next(std::string_view bytes) {
  if (is_framed()) return next_chunked(bytes);
  const auto data = next_plain(bytes);
  return Piece{.data = data, .used = data.size()};
}

/// Of a body without framing of its own.
std::string_view BodyDecoder::next_plain(std::string_view bytes) {
  if (state_ == State::complete) return {};
  if (state_ == State::until_close) return bytes;
  const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  left_ -= size;
  if (left_ == 0) state_ = State::complete;
  return bytes.substr(0, size);
}

Result<BodyDecoder::Slices> BodyDecoder::next_slices(std::string_view bytes) {
  Slices pieces;
  if (!is_framed()) {
    const auto data = next_plain(bytes);
    pieces.used = pieces.bytes = data.size();
    if (!data.empty()) pieces.data_[pieces.count_++] = data;
    return pieces;
  }
  while (pieces.used < bytes.size() && pieces.count_ < Slices::kMost && state_ != State::complete) {
    auto piece = next(bytes.substr(pieces.used));
    if (!piece) return std::move(piece).error();
    pieces.used += piece->used;
    if (piece->data.empty()) continue;
    pieces.bytes += piece->data.size();
    pieces.data_[pieces.count_++] = piece->data;
  }
  return pieces;
}

/// Framing bytes are stepped over one by one; a chunk's data goes out as one view.
Result<BodyDecoder::Piece> BodyDecoder::next_chunked(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && state_ != State::complete) {
    if (state_ == State::chunk_data) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - used));
      const Piece piece{.data = bytes.substr(used, size), .used = used + size};
      left_ -= size;
      overhead_ -= static_cast<uint16_t>(std::min<size_t>(overhead_, size));
      if (left_ == 0) state_ = State::chunk_data_cr;
      return piece;
    }
    if (auto stepped = step(bytes[used]); !stepped) return std::move(stepped).error();
    ++used;
  }
  return Piece{.data = {}, .used = used};
}

/// Takes one byte of framing (RFC 9112 7.1).
Result<void> BodyDecoder::step(char c) {
  switch (state_) {
    case State::chunk_size:
      if (const auto digit = hex_digit(c)) {
        if (++digits_ > kMostDigits) return malformed_body("a chunk size that is too large");
        left_ = left_ * 16 + *digit;
        return {};
      }
      if (digits_ == 0) return malformed_body("a chunk without a size");
      if (c == '\r') return go(State::chunk_size_lf);
      if (c == ';') return go(State::chunk_extension);
      if (from_ == From::backend && is_blank(c)) return go(State::chunk_blank);
      return malformed_body("a chunk size with a character that is no digit");
    case State::chunk_blank:
      if (c == ';') return go(State::chunk_extension);
      if (!is_blank(c)) return malformed_body("white space behind a chunk size");
      return count_overhead();
    case State::chunk_extension:
      if (c == '\r') return go(State::chunk_size_lf);
      if (is_control(c)) return malformed_body("a control character in a chunk extension");
      return count_overhead();
    case State::chunk_size_lf:
      if (c != '\n') return malformed_body("a chunk size without CRLF");
      digits_ = 0;
      return go(left_ == 0 ? State::trailer_start : State::chunk_data);
    case State::chunk_data_cr:
      if (c != '\r') return malformed_body("a chunk without CRLF");
      return go(State::chunk_data_lf);
    case State::chunk_data_lf:
      if (c != '\n') return malformed_body("a chunk without CRLF");
      return go(State::chunk_size);
    case State::trailer_start:
      if (c == '\r') return go(State::last_lf);
      if (c == ' ' || c == ':' || is_control(c)) return malformed_body("a malformed trailer");
      state_ = State::trailer_line;
      return keep_trailer(c);
    case State::trailer_line:
      if (c == '\r') {
        state_ = State::trailer_line_lf;
      } else if (is_control(c)) {
        return malformed_body("a control character in a trailer");
      }
      return keep_trailer(c);
    case State::trailer_line_lf:
      if (c != '\n') return malformed_body("a trailer without CRLF");
      state_ = State::trailer_start;
      return keep_trailer(c);
    case State::last_lf:
      if (c != '\n') return malformed_body("a chunked body without its last CRLF");
      return finish_trailers();
    default:
      return malformed_body("not within a chunked body");
  }
}

Result<void> BodyDecoder::go(State next) {
  state_ = next;
  return {};
}

Result<void> BodyDecoder::keep_trailer(char c) {
  if (!trailers_) trailers_ = std::make_unique<Trailers>();
  trailers_->lines += c;
  return count_overhead();
}

Result<void> BodyDecoder::finish_trailers() {
  if (trailers_) {
    auto clean = clean_trailers(std::exchange(trailers_->lines, {}));
    if (!clean) return std::move(clean).error();
    trailers_->fields = *std::move(clean);
  }
  return go(State::complete);
}

Result<void> BodyDecoder::count_overhead() {
  if (++overhead_ > kMostOverhead) return malformed_body("chunk extensions or trailers over the limit");
  return {};
}

}  // namespace sluice::http
