#include "proxy/buffered_response.h"

#include <sluice/base/memory.h>

#include <utility>

namespace sluice::proxy {

using wire::Flow;

void BufferedResponse::start(wire::BodySink& client, size_t most, std::function<void()> begin) {
  client_ = &client;
  most_ = most;
  begin_ = std::move(begin);
  held_.clear();
}

void BufferedResponse::stop() {
  client_ = nullptr;
  begin_ = nullptr;
  clear_keeping(held_, 0);  // Idle connections hold no buffer.
}

/// All that was held goes on in one write.
Flow BufferedResponse::let_go() {
  std::exchange(begin_, nullptr)();
  const std::string held = std::exchange(held_, {});
  return held.empty() ? Flow::open : client_->write_body(held);
}

Flow BufferedResponse::write_body(wire::Slices pieces) {
  if (!begin_) return client_->write_body(pieces);
  for (const auto piece : pieces) held_.append(piece);
  return held_.size() <= most_ ? Flow::open : let_go();
}

Flow BufferedResponse::end_body(const http::FieldList& trailers) {
  if (begin_) let_go();
  return client_->end_body(trailers);
}

Wait BufferedResponse::when_writable(std::function<void(Result<void>)> callback) {
  return client_->when_writable(std::move(callback));
}

}  // namespace sluice::proxy
