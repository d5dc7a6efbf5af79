#include "demo/request_reader.h"

#include <utility>

#include "demo/answer.h"

namespace sluice::demo {
namespace {

Error too_large() {
  return Error{.code = ErrorCode::too_large,
               .message = "the body is too large",
               .origin = Origin::downstream,
               .status = 413};
}

}  // namespace

void RequestReader::add(std::string_view bytes) {
  input_.erase(0, std::exchange(used_, 0));
  input_.append(bytes);
}

Result<RequestReader::Event> RequestReader::next() {
  return in_body_ ? read_body() : read_head();
}

std::string RequestReader::take_body() {
  return std::exchange(kept_, {});
}

Result<RequestReader::Event> RequestReader::read_head() {
  if (waiting_bytes() == 0) return Event::none;
  if (!decoder_.has_begun()) head_.clear();
  auto progress = decoder_.decode(waiting(), head_);
  if (!progress) return std::move(progress).error();
  used_ += progress->used;
  if (!progress->complete) return Event::none;
  in_body_ = true;
  body_.begin(head_.framing);
  kept_.clear();
  keeps_body_ = wants_body(head_.path());
  if (keeps_body_ && head_.framing.length > kMostBody) return too_large();
  return Event::head;
}

Result<RequestReader::Event> RequestReader::read_body() {
  while (!body_.is_complete() && waiting_bytes() > 0) {
    auto piece = body_.next(waiting());
    if (!piece) return std::move(piece).error();
    used_ += piece->used;
    if (!keeps_body_) continue;
    if (kept_.size() + piece->data.size() > kMostBody) return too_large();
    kept_.append(piece->data);
  }
  if (!body_.is_complete()) return Event::none;
  in_body_ = false;
  return Event::request;
}

}  // namespace sluice::demo
