// What a request that has ended leaves behind: in the counters, the access log and the recent requests.
#include <sluice/base/check.h>
#include <sluice/base/text.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/in_flight.h>

#include <algorithm>
#include <utility>

#include "proxy/access.h"

namespace sluice::proxy {

using observe::Cause;
using observe::Disposition;
using observe::Event;

namespace {

/// The request ended because no backend was available, or none took the connection.
bool lacks_backend(Cause cause) {
  return cause == Cause::queue_full || cause == Cause::queue_timeout || cause == Cause::connect_refused ||
         cause == Cause::connect_timeout;
}

}  // namespace

void InFlight::end(const Outcome& outcome) {
  CHECK(!std::exchange(has_ended, true));
  cause = outcome.cause;
  const Disposition disposition = entry(cause).disposition;
  context->counters.end(disposition);
  if (disposition != Disposition::ok) note_failure(outcome);
  if (context->access.is_on()) log_access();
  if (context->recent.is_on()) record();
}

/// The request did not end well. A response that its backend broke off is already counted there: the request
/// has no backend any more.
void InFlight::note_failure(const Outcome& outcome) {
  if (trace.is_waiting()) wait_over(cause, outcome.version);
  const Disposition disposition = entry(cause).disposition;
  const bool is_ours =
      disposition == Disposition::backend_error || disposition == Disposition::failed_stopped;
  if (is_ours && outcome.is_cut) tally(outcome.version).add(Event::cut, cause);
  if (disposition == Disposition::client_abort) return;
  auto& failed = pool ? tally(outcome.version) : context->counters.tallies.of({}, {});
  failed.add(Event::failed, cause);
}

void InFlight::log_access() const {
  const auto& request = client->request();
  const std::string at = was_tried ? backend.text() : std::string();
  const std::string from = is_trusted_client ? original_client(config(), *client) : client->client().ip;
  observe::AccessRecord line = access_record(request);
  line.client = from;
  line.request_id = request_id;
  if (pool) line.pool = pool->name();
  line.backend = at;
  line.reason = name(cause);
  line.disposition = entry(cause).disposition;
  line.status = status;
  line.sent = sent;
  line.received = received;
  line.generation = number;
  line.attempts = attempts_begun();
  if (listener != nullptr) line.listener = *listener;
  if (route != nullptr) line.route = route->name;
  const std::string probe = probe_answer();
  line.probe = probe;
  if (trace.waits() > 0) line.held = trace.held();
  const TimePoint now = context->deadlines.clock().now();
  if (trace.is_under_way()) {
    line.backend_took = now - (trace.dialed() != TimePoint() ? trace.dialed() : sent_at);
  } else if (trace.count() > 0) {
    const AttemptRecord& last = trace.attempts().back();
    line.backend_took = last.ended - last.began;
  }
  line.took = now - started;
  context->access.write(line);
}

/// Of a request that found no healthy backend: what a probe of the first backend that has such an answer was
/// answered. Nothing while the pool is paused or has a healthy backend: a backend that is down did not cause
/// the failure then.
std::string InFlight::probe_answer() const {
  if (!pool || !lacks_backend(cause) || pool->is_paused()) return {};
  std::string found;
  for (const auto& each : pool->backends()) {
    const upstream::BackendState& state = *each->state();
    if (state.health() == upstream::HealthState::healthy) return {};
    if (!found.empty()) continue;
    const std::string answer = state.probe_answer();
    if (!answer.empty()) found = concat({state.address().text(), ": ", answer});
  }
  return found;
}

/// A request to which nothing happened is copied in a few cache lines.
void InFlight::record() {
  if (request_id.empty()) return;  // It could not be looked up.
  const TimePoint now = context->deadlines.clock().now();
  const bool is_notable = trace.count() > 0 || trace.waits() > 0 ||
                          entry(cause).disposition != Disposition::ok ||
                          context->recent.is_slow(now - started);
  RequestRecord* const kept = context->recent.next(is_notable);
  if (kept == nullptr) return;
  const auto& request = client->request();
  kept->describe({.id = request_id,
                  .method = request.method(),
                  .path = request.path(),
                  .client = client->client().ip,
                  .pool = pool ? std::string_view(pool->name()) : std::string_view(),
                  .refused = refused});
  kept->generation = number;
  kept->sent = sent;
  kept->received = received;
  kept->began = started;
  kept->ended = now;
  kept->held = trace.held();
  kept->waits = trace.waits();
  kept->status = status;
  kept->response_fields = trace.response_fields();
  kept->attempts = attempts_begun();
  kept->cause = cause;
  auto end = std::ranges::copy(trace.attempts(), kept->attempt.begin()).out;
  if (trace.is_under_way()) {
    end = std::min(end, kept->attempt.end() - 1);  // It takes the last place when there is none left.
    *end++ = trace.under_way(backend, cause, status, sent_at, now);
  }
  kept->kept = static_cast<uint8_t>(end - kept->attempt.begin());
}

}  // namespace sluice::proxy
