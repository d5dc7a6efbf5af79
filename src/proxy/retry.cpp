#include <sluice/base/text.h>
#include <sluice/proxy/retry.h>

#include <algorithm>

namespace sluice::proxy {
namespace {

constexpr int kPartialPost = 379;
/// Required beside the status, which is not registered: no backend sends both by accident.
constexpr std::string_view kPartialPostReason = "PartialPOST Replay";

}  // namespace

bool may_replay(const http::RequestHead& request, const config::Retry& settings) {
  if (settings.non_idempotent || request.is_idempotent()) return true;
  if (!settings.idempotency_key) return false;
  return std::ranges::any_of(request.fields(), [&](const http::Field& field) {
    return equals_ignoring_case(request.name(field), "Idempotency-Key") && !request.value(field).empty();
  });
}

bool surely_fits(const http::Framing& body, const config::Retry& settings) {
  if (!body.has_body()) return true;
  return body.kind == http::Framing::Kind::length && body.length <= settings.buffer_bytes;
}

bool may_retry(const RetryFacts& failed) {
  if (failed.timed_out || !failed.body_replayable) return false;
  if (failed.nothing_sent) return true;  // Bounded in time by the queue, not in number.
  if (!failed.idempotent && !failed.non_idempotent_allowed) return false;
  return failed.attempts < failed.attempts_allowed;
}

bool is_given_back(const http::ResponseHead& head) {
  return head.status == kPartialPost && head.reason() == kPartialPostReason;
}

}  // namespace sluice::proxy
