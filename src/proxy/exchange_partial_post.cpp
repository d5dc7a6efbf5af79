// Partial post replay: a backend that drains answers an upload with 379 and what it has got of it, and the
// upload goes on at another backend. After "Zero Downtime Release" (SIGCOMM 2020, 4.3).
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>

#include <utility>

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

/// The exchange goes on at another one, with the client's head.
void Exchange::take_back(const http::ResponseHead& head) {
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, Cause::partial_post, head.status, flight_.sent_at, now);
  if (flight_.attempts >= flight_.settings->retry.attempts || !body_.may_be_given_back()) {
    return reply(Cause::partial_post, "no backend that is left keeps the request", head.status);
  }
  flight_.note_retry(Cause::partial_post, version());
  tried_.push_back(&lease_->backend());
  lease_->backend().returned_request();
  if (!body_.is_replayable()) {
    body_.take_back(*std::move(lease_), std::move(upstream_));
    lease_.reset();
  }
  drop_attempt();
  pick_backend();
}

}  // namespace sluice::proxy
