#include <sluice/wire/http1_request_writer.h>

#include <array>
#include <utility>

#include "wire/slices.h"

namespace sluice::wire {

void Http1RequestWriter::begin(const http::RequestHead& head, const http::RequestForwarding& forwarding) {
  is_head_ = head.is_head();
  asks_for_upgrade_ = !forwarding.upgrade.empty();
  is_whole_ = !head.framing.has_body();
  framing_ = http::framing_towards(http::Protocol::http1_1, head.framing).kind;
  declared_ = framing_ == http::Framing::Kind::length ? head.framing.length : 0;
  written_ = 0;
  out_head_ = std::move(out_);
  out_head_.clear();
  if (!preface_.empty()) out_head_ += std::exchange(preface_, {});
  http::write_request_head(out_head_, head, forwarding);
}

Flow Http1RequestWriter::flush(net::Transport& to) {
  const std::string_view head = out_head_;
  if (!head.empty()) return write(to, Slices(&head, 1));
  return to.pending_bytes() == 0 ? Flow::open : Flow::blocked;
}

std::optional<Flow> Http1RequestWriter::write_body(net::Transport& to, Slices pieces) {
  if (framing_ == http::Framing::Kind::length) {
    const size_t bytes = size_of(pieces);
    if (is_refused_ || bytes > declared_) return refuse();
    declared_ -= bytes;
  }
  if (framing_ != http::Framing::Kind::chunked) return write(to, {}, pieces, {});
  std::string start;  // Within the small string's own room: no allocation.
  http::write_chunk_start(start, size_of(pieces));
  return write(to, start, pieces, http::kChunkEnd);
}

std::optional<Flow> Http1RequestWriter::end_body(net::Transport& to, const http::FieldList& trailers) {
  if (is_refused_ || declared_ > 0) return refuse();
  is_whole_ = true;
  if (is_tunnel_) {
    to.shutdown();
  } else if (framing_ == http::Framing::Kind::chunked) {
    const std::string_view lines = trailers.lines();
    return write(to, http::kLastChunkStart, Slices(&lines, 1), http::kChunkEnd);
  }
  return flush(to);
}

void Http1RequestWriter::end_sending(net::Transport& to) {
  is_last_ = true;
  to.shutdown();
}

void Http1RequestWriter::become_tunnel() {
  is_tunnel_ = is_last_ = true;
  framing_ = http::Framing::Kind::until_close;
  declared_ = 0;
}

std::optional<Flow> Http1RequestWriter::refuse() {
  is_refused_ = is_last_ = true;
  return std::nullopt;
}

/// Writes the head, if that is still here, and all of these, as one.
Flow Http1RequestWriter::write(net::Transport& to, std::string_view before, Slices pieces,
                               std::string_view behind) {
  std::array<std::string_view, kMaxSlices + 3> all;
  const size_t count = gather(all, out_head_, before, pieces, behind);
  return count == 0 ? flush(to) : write(to, Slices(all.data(), count));
}

Flow Http1RequestWriter::write(net::Transport& to, Slices all) {
  written_ += size_of(all);
  const Flow flow = to.write(all);
  if (out_head_.capacity() > out_.capacity()) out_ = std::move(out_head_);
  out_head_.clear();
  return flow;
}

}  // namespace sluice::wire
