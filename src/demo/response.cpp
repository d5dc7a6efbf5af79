#include "demo/response.h"

#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include <algorithm>
#include <utility>

namespace sluice::demo {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{64} * 1024;
constexpr Duration kBeforeReset{20};  // so that the bytes before it are seen

bool has_no_body(int status) {
  return status == 204 || status == 205 || status == 304;
}

/// A status that has no body by definition gets no Content-Length either (RFC 9110 8.6).
bool tells_length(int status) {
  return status != 204 && status != 304;
}

}  // namespace

Response::Response(Answer answer, Terms terms, std::string_view version)
    : answer_(std::move(answer)), terms_(terms) {
  const bool streams = answer_.kind == Answer::Kind::stream;
  if (answer_.kind == Answer::Kind::broken) {
    head_ = std::exchange(answer_.body, {});
    end_ = End::reset;
    return;
  }
  // Without chunks, only the connection's end shows where the body ends.
  if (streams && terms_.to_http_1_0) terms_.close = true;
  end_ = terms_.close ? End::close : End::keep_alive;
  if (has_no_body(answer_.status)) {
    answer_.body.clear();
    answer_.filler_bytes = 0;
  }
  head_ = head_of(version);
  if (terms_.to_head) return;
  left_ = streams ? answer_.chunks : answer_.body.size() + answer_.filler_bytes;
  if (streams && !terms_.to_http_1_0) tail_ = http::kLastChunk;
}

std::string Response::head_of(std::string_view version) const {
  std::string framing;
  if (answer_.kind == Answer::Kind::stream) {
    if (!terms_.to_http_1_0) framing = "Transfer-Encoding: chunked\r\n";
  } else if (tells_length(answer_.status)) {
    const uint64_t length = answer_.body.size() + answer_.filler_bytes;
    framing = concat({"Content-Length: ", std::to_string(length), "\r\n"});
  }
  const std::string_view connection = terms_.close         ? "Connection: close\r\n"
                                      : terms_.to_http_1_0 ? "Connection: keep-alive\r\n"
                                                           : "";
  return concat({"HTTP/1.1 ", std::to_string(answer_.status), " ", http::reason_phrase(answer_.status),
                 "\r\nContent-Type: text/plain\r\n", framing, "X-Version: ", version, "\r\n", connection,
                 "\r\n"});
}

Response::Part Response::next() {
  Part part{.bytes = std::exchange(head_, {})};
  switch (answer_.kind) {
    case Answer::Kind::broken:
      part.pause = kBeforeReset;
      break;
    case Answer::Kind::stream:
      add_chunk(part);
      break;
    case Answer::Kind::response:
    case Answer::Kind::none:
      add_piece(part.bytes);
  }
  return part;
}

void Response::add_piece(std::string& bytes) {
  uint64_t room = std::min(kPieceBytes, left_);
  left_ -= room;
  if (left_ + room > answer_.filler_bytes) {
    const uint64_t body_left = left_ + room - answer_.filler_bytes;
    const auto piece = std::string_view(answer_.body).substr(answer_.body.size() - body_left, room);
    bytes.append(piece);
    room -= piece.size();
  }
  bytes.append(room, 'x');
}

void Response::add_chunk(Part& part) {
  if (left_ == 0) {
    part.bytes += std::exchange(tail_, {});
    return;
  }
  --left_;
  part.bytes += terms_.to_http_1_0 ? "chunk\n" : "6\r\nchunk\n\r\n";
  part.pause = answer_.chunk_every;
}

}  // namespace sluice::demo
