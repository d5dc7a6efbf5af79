// Heads out of text, for the tests of http/.
#pragma once

#include <sluice/http/head_decoder.h>

#include <string>
#include <string_view>

namespace sluice::http {

/// What came of decoding `text` in pieces of `piece` bytes: "" and the head when it was complete, else the
/// error's message ("incomplete" when more was needed). `used` is how much of it the head took.
struct Decoded {
  std::string error;
  int status = 0;
  size_t used = 0;
};

template <class HeadType>
Decoded decode(HeadDecoder& decoder, std::string_view text, HeadType& head, size_t piece,
               bool to_head = false) {
  Decoded result;
  while (result.used < text.size()) {
    const auto next = text.substr(result.used, piece);
    auto progress = [&] {
      if constexpr (std::is_same_v<HeadType, RequestHead>) {
        return decoder.decode(next, head);
      } else {
        return decoder.decode(next, head, to_head);
      }
    }();
    if (!progress) {
      result.error = progress.error().message;
      result.status = progress.error().status;
      return result;
    }
    result.used += progress->used;
    if (progress->complete) return result;
  }
  result.error = "incomplete";
  return result;
}

inline Decoded decode_request(std::string_view text, RequestHead& head, size_t piece = 1 << 20,
                              HeadLimits limits = {}) {
  HeadDecoder decoder(HeadDecoder::Of::request, limits);
  return decode(decoder, text, head, piece);
}

inline Decoded decode_response(std::string_view text, ResponseHead& head, bool to_head = false,
                               size_t piece = 1 << 20) {
  HeadDecoder decoder(HeadDecoder::Of::response, {});
  return decode(decoder, text, head, piece, to_head);
}

}  // namespace sluice::http
