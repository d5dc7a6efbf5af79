#include <sluice/proxy/backend_wait.h>
#include <sluice/proxy/exchange_context.h>

#include <algorithm>
#include <utility>

#include "proxy/cause_of.h"

namespace sluice::proxy {
namespace {

constexpr Duration kLookAgain{500};

}  // namespace

using observe::Cause;

void BackendWait::begin(const upstream::PickRequest& ask) {
  const Duration left = flight_.settings->queue.timeout - flight_.waited;
  if (left <= Duration::zero()) return owner_.on_no_backend(Cause::queue_timeout, {});
  if (flight_.pool->is_queue_full()) return owner_.on_no_backend(Cause::queue_full, {});
  flight_.trace.wait_begins(flight_.context->deadlines.clock().now());
  flight_.context->deadlines.arm(client_look_, kLookAgain);
  wait_ = flight_.pool->wait_for_backend(
      place_, ask, left, [this](Result<upstream::Lease> lease) { on_lease(std::move(lease)); });
}

void BackendWait::stop() {
  client_look_.disarm();
  wait_.cancel();
}

void BackendWait::on_lease(Result<upstream::Lease> lease) {
  client_look_.disarm();
  if (flight_.client->has_left()) return owner_.on_client_left();
  if (!lease) return owner_.on_no_backend(cause_of_queue(lease.error()), lease.error().message);
  flight_.waited +=
      flight_.context->deadlines.clock().now() - std::max(flight_.trace.waits_since(), place_.released());
  flight_.wait_over(Cause::ok, lease->backend().version());
  owner_.on_backend(*std::move(lease));
}

/// A client that has sent much is not read from while it waits: its leaving would go unnoticed, and its
/// request would keep its place in the queue.
void BackendWait::look_for_client() {
  if (flight_.client->has_left()) return owner_.on_client_left();
  flight_.context->deadlines.arm(client_look_, kLookAgain);
}

}  // namespace sluice::proxy
