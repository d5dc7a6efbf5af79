#include <sluice/proxy/retry.h>

namespace sluice::proxy {

bool may_retry(const FailedAttempt& failed) {
  if (failed.timed_out || !failed.body_replayable) return false;
  if (failed.nothing_sent) return true;  // Bounded in time by the queue, not in number.
  if (!failed.idempotent && !failed.non_idempotent_allowed) return false;
  return failed.stale_connection || failed.attempts < failed.attempts_allowed;
}

}  // namespace sluice::proxy
