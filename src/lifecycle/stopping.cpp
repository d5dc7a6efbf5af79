#include "lifecycle/stopping.h"

#include <utility>

namespace sluice::lifecycle {

Stopping::Stopping(Needs needs)
    : needs_(std::move(needs)),
      conditions_(needs_.loop.deadlines()),
      half_open_([this] { drain_workers(); }),
      drain_deadline_([this] { finish("the drain timeout is over"); }) {}

void Stopping::begin(std::string_view why, Duration drain_timeout) {
  if (std::exchange(begun_, true)) return finish("told twice");
  needs_.workers.hold_all();
  drain_timeout_ = drain_timeout;
  needs_.log.info(std::string(why) + field("drain_timeout_ms", drain_timeout.count()));
  const bool more_may_come = needs_.listening.refuse_new_connections();
  needs_.loop.deadlines().arm(half_open_, more_may_come ? kHalfOpen : Duration{1});
  needs_.loop.deadlines().arm(drain_deadline_, drain_timeout);
}

void Stopping::drain_workers() {
  needs_.workers.post_all([](proxy::Service& service) { service.drain(); });
  wait_until_empty();
}

/// What workers have posted by then may be one more thing to end.
void Stopping::wait_until_empty() {
  empty_ = conditions_.when(needs_.is_empty, drain_timeout_, [this](bool is_empty) {
    if (!is_empty) return;  // The deadline says so, too.
    needs_.workers.ask_all([this] {
      if (needs_.is_empty()) return finish("drained");
      wait_until_empty();
    });
  });
}

void Stopping::finish(std::string_view why) {
  if (std::exchange(finished_, true)) return;
  half_open_.disarm();
  drain_deadline_.disarm();
  needs_.log.info("stopped" + field("why", why));
  needs_.on_finished();
}

}  // namespace sluice::lifecycle
