// The state of a second attempt at a request, beside a first one that takes long.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/wait.h>
#include <sluice/observe/tallies.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace sluice::proxy {

/// One exchange's; used again after stop().
struct Hedge {
  Hedge(std::function<void()> on_due, std::function<void()> on_connect_timeout)
      : due(std::move(on_due)), connect_bound(std::move(on_connect_timeout)) {}

  /// The attempt has begun, and neither failed nor become the only one.
  bool is_under_way() const { return lease.has_value(); }
  void stop() {
    due.disarm();
    connect_bound.disarm();
    wait.cancel();
    stream.reset();
    lease.reset();
    dialed = sent = {};
  }

  Deadline due;
  Deadline connect_bound;
  std::optional<upstream::Lease> lease;
  std::unique_ptr<wire::ClientStream> stream;
  Wait wait;
  observe::Tally* beside = nullptr;  // of the first attempt
  TimePoint dialed;                  // when it was on a connection of its own
  TimePoint sent;
};

}  // namespace sluice::proxy
