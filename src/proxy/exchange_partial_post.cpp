// Partial post replay: a backend that drains answers an upload with 379 and what it has got of it, and the
// upload goes on at another backend. After "Zero Downtime Release" (SIGCOMM 2020, 4.3).
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>

#include <utility>

#include "proxy/partial_post.h"

namespace sluice::proxy {

using observe::Cause;

namespace {

constexpr int kPartialPost = 379;
/// Required beside the status, which is not registered: no backend sends both by accident.
constexpr std::string_view kReason = "PartialPOST Replay";

}  // namespace

/// Whether the head says that the backend has done nothing, and gives the request's body back.
bool Exchange::is_given_back(const http::ResponseHead& head) const {
  return head.status == kPartialPost && flight_.settings->retry.partial_post && head.reason() == kReason;
}

/// The backend echoes what it has got, and what is still under way to it, until our direction ends: nothing
/// of the body is lost. The exchange goes on at another one, with the client's head.
void Exchange::take_back(const http::ResponseHead& head) {
  upload_.stop();
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, Cause::partial_post, head.status, flight_.sent_at, now);
  if (flight_.attempts >= flight_.settings->retry.attempts || (partial_ && partial_->missing > 0)) {
    return reply(Cause::partial_post, "no backend that is left keeps the request", head.status);
  }
  flight_.note_retry(Cause::partial_post, version());
  tried_.push_back(&lease_->backend());
  lease_->backend().returned_request();
  if (!body_remembered_) {
    upstream_->end_sending();
    partial_ = std::make_unique<PartialPost>(*std::move(lease_), std::move(upstream_), flight_.received);
  }
  drop_attempt();
  pick_backend();
}

/// To the backend that the request has now.
void Exchange::send_given_back(wire::Flow flow) {
  partial_->has_begun = true;
  stop_expecting();
  const auto on_piece = [this](std::string_view piece) {
    arm_response_deadline();
    partial_->missing -= piece.size();
  };
  const auto on_done = [this](Result<void> how) { on_given_back(std::move(how)); };
  // More would be taken for a part of the body, or for another request.
  partial_->pump.bound(partial_->missing);
  if (flow == wire::Flow::blocked) {
    return partial_->pump.start_blocked(*partial_->backend, *upstream_, on_piece, on_done);
  }
  partial_->pump.start(*partial_->backend, *upstream_, on_piece, on_done);
}

/// Either exactly what was sent has come back, or the body is lost.
void Exchange::on_given_back(Result<void> how) {
  const bool is_whole = how && partial_->missing == 0;
  const bool is_too_much = !how && how.error().code == ErrorCode::too_large;
  partial_.reset();
  if (is_whole) return send_rest(wire::Flow::open);
  if (flight_.client->is_committed()) return over(Cause::partial_post, Ending::abort);
  reply(Cause::partial_post, is_too_much
                                 ? "the backend that gave the request back gave back more than it was sent"
                                 : "the backend that gave the request back did not give back all of it");
}

}  // namespace sluice::proxy
