#include "proxy/held_response.h"

#include <utility>

namespace sluice::proxy {

using wire::Flow;

void HeldResponse::start(wire::BodySink& client, size_t most, std::function<void()> begin) {
  client_ = &client;
  most_ = most;
  begin_ = std::move(begin);
  held_.clear();
}

void HeldResponse::stop() {
  client_ = nullptr;
  begin_ = nullptr;
  held_ = {};  // Idle connections hold no buffer.
}

/// All that was held goes on in one write.
Flow HeldResponse::let_go() {
  std::exchange(begin_, nullptr)();
  const std::string held = std::exchange(held_, {});
  return held.empty() ? Flow::open : client_->write_body(held);
}

Flow HeldResponse::write_body(wire::Pieces pieces) {
  if (!begin_) return client_->write_body(pieces);
  for (const auto piece : pieces) held_.append(piece);
  return held_.size() <= most_ ? Flow::open : let_go();
}

Flow HeldResponse::end_body(std::string_view trailers) {
  if (begin_) let_go();
  return client_->end_body(trailers);
}

Wait HeldResponse::when_writable(std::function<void(Result<void>)> callback) {
  return client_->when_writable(std::move(callback));
}

}  // namespace sluice::proxy
