// What is kept of an exchange that has ended, for who asks why.
#include <sluice/proxy/exchange.h>

#include <algorithm>
#include <utility>

namespace sluice::proxy {

using observe::Cause;
using observe::Disposition;
using observe::Event;

/// Of its pool, and of the version of the backend that it has.
observe::Tally& Exchange::tally() const {
  const auto version = lease_ ? std::string_view(lease_->backend().version()) : std::string_view();
  return context_->counters.tallies.of(pool_->name(), version);
}

/// The attempt has failed, and another one is to come.
void Exchange::note_retry(Cause cause) {
  failed_at_ = &tally();
  failed_by_ = cause;
}

/// It has come.
void Exchange::count_retry() {
  std::exchange(failed_at_, nullptr)->add(Event::retried, failed_by_);
  context_->counters.retries.add();
}

void Exchange::wait_over(Cause cause) {
  trace_.wait_ends(context_->deadlines.clock().now());
  tally().add(Event::held, cause);
}

/// It has come to a bad end. What a backend broke off has been counted there: it has none any more.
void Exchange::note_failure(Cause cause) {
  if (trace_.is_waiting()) wait_over(cause);
  const Disposition disposition = entry(cause).disposition;
  const bool is_ours =
      disposition == Disposition::backend_error || disposition == Disposition::failed_stopped;
  if (is_ours && lease_ && client_->is_committed()) tally().add(Event::cut, cause);
}

/// One to which nothing happened is copied in a few lines of the cache.
void Exchange::record() {
  if (request_id_.empty()) return;  // Nobody could ask for it.
  const TimePoint now = context_->deadlines.clock().now();
  const bool is_notable = trace_.count() > 0 || trace_.waits() > 0 ||
                          entry(cause_).disposition != Disposition::ok ||
                          context_->recent.is_slow(now - started_);
  if (trace_.is_under_way()) trace_.attempt_ends(backend_, cause_, status_, sent_at_, now);
  RequestRecord* const record = context_->recent.next(is_notable);
  if (record == nullptr) return;
  const auto& request = client_->request();
  record->id = request_id_;
  (record->request = request.method()).append(" ").append(request.path());
  record->client = client_->client().ip;
  record->pool = pool_ ? std::string_view(pool_->name()) : std::string_view();
  record->generation = number_;
  record->cause = cause_;
  record->status = status_;
  record->sent = sent_;
  record->received = received_;
  record->began = started_;
  record->ended = now;
  record->held = trace_.held();
  record->waits = trace_.waits();
  record->attempts = trace_.count();
  record->kept = trace_.attempts().size();
  std::ranges::copy(trace_.attempts(), record->attempt.begin());
}

}  // namespace sluice::proxy
