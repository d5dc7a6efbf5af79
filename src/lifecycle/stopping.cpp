#include "lifecycle/stopping.h"

#include <memory>
#include <utility>

namespace sluice::lifecycle {
namespace {

constexpr Duration kPatience{1000};  // with workers that are to drop what they have

}  // namespace

Stopping::Stopping(Needs needs)
    : needs_(std::move(needs)),
      conditions_(needs_.loop.deadlines()),
      half_open_([this] { drain_workers(); }),
      drain_deadline_([this] { finish("the drain timeout is over"); }) {}

void Stopping::begin(std::string_view why, Duration drain_timeout) {
  if (std::exchange(begun_, true)) return;
  needs_.workers.hold_all();
  drain_timeout_ = drain_timeout;
  needs_.log.info(std::string(why) + field("drain_timeout_ms", drain_timeout.count()));
  const bool more_may_come = needs_.listening.refuse_new_connections();
  needs_.loop.deadlines().arm(half_open_, more_may_come ? kHalfOpen : Duration{1});
  needs_.loop.deadlines().arm(drain_deadline_, drain_timeout);
}

void Stopping::ask(Duration drain_timeout) {
  if (std::exchange(asked_, true)) return finish("told twice");
  if (begun_) needs_.log.info("told to stop, and drains already");
  begin("stopping", drain_timeout);
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

/// What is left is dropped first, so that it, too, is in the sums that are told.
void Stopping::finish(std::string_view why) {
  if (std::exchange(finished_, true)) return;
  half_open_.disarm();
  drain_deadline_.disarm();
  needs_.on_end();
  const auto closed = std::make_shared<bool>(needs_.workers.living().empty());
  needs_.workers.post_all([](proxy::Service& service) { service.close_all(); });
  if (!*closed) needs_.workers.ask_all([closed] { *closed = true; });
  closed_ = conditions_.when([closed] { return *closed; }, kPatience,
                             [this, why](bool) {
                               tell_account();
                               needs_.log.info("stopped" + field("why", why));
                               needs_.on_finished();
                             });
}

/// Every request has ended by now, in this process or in the next.
void Stopping::tell_account() {
  observe::Account account;
  for (const auto& each : needs_.workers.accounts()) account.add(each);
  const auto count = [](uint64_t value) { return static_cast<long long>(value); };
  std::string line = "requests accounted" + field("accepted", count(account.accepted));
  if (account.taken > 0) line += field("taken", count(account.taken));
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    if (account.ended[i] == 0) continue;
    line += field(name(static_cast<observe::Disposition>(i)), count(account.ended[i]));
  }
  if (account.left > 0) line += field("left", count(account.left));
  if (account.is_balanced()) return needs_.log.info(line + field("balanced", "yes"));
  needs_.log.error(line + field("balanced", "no"));
}

}  // namespace sluice::lifecycle
