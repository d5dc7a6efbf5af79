#include "control/draining.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace sluice::control {
namespace {

constexpr Duration kDropPatience{1000};  // with workers that are to drop what they have
constexpr Duration kLastAnswers{1000};   // for clients to read that they get no other
/// For clients that were accepted last, however short the drain timeout is: what came to the listeners before
/// they were closed is not dropped unread.
constexpr Duration kLastAccepted{100};

}  // namespace

Draining::Draining(Needs needs)
    : needs_(std::move(needs)),
      conditions_(needs_.executor.deadlines()),
      succession_([this] {
        needs_.listening.yield_all();
        needs_.executor.deadlines().arm(half_open_, listeners::kHalfOpen);
      }),
      half_open_([this] { drain_workers(); }),
      drain_deadline_([this] { finish("the drain timeout is over"); }) {}

void Draining::begin(std::string_view why, Duration drain_timeout,
                     listeners::Listeners::Addresses addresses) {
  if (std::exchange(begun_, true)) return;
  needs_.workers.keep_all();
  addresses_ = addresses;
  needs_.log.info(std::string(why) + field("drain_timeout_ms", drain_timeout.count()));
  const bool is_left = addresses == listeners::Listeners::Addresses::release;
  const bool more_may_come =
      is_left ? needs_.listening.leave_addresses() : needs_.listening.refuse_new_connections();
  drain_timeout_ = drain_timeout;
  if (more_may_come && is_left) {
    needs_.executor.deadlines().arm(succession_, listeners::kSuccession);
    drain_timeout_ = std::max(drain_timeout, listeners::kSuccession + listeners::kHalfOpen + kLastAccepted);
  } else if (more_may_come) {
    needs_.executor.deadlines().arm(half_open_, listeners::kHalfOpen);
    drain_timeout_ = std::max(drain_timeout, listeners::kHalfOpen + kLastAccepted);
  } else {
    needs_.executor.deadlines().arm(half_open_, Duration{1});
  }
  needs_.executor.deadlines().arm(drain_deadline_, drain_timeout_);
}

void Draining::request_stop(Duration drain_timeout) {
  if (std::exchange(asked_, true)) return finish("told twice");
  if (begun_) needs_.log.info("told to stop, and drains already");
  begin("stopping", drain_timeout, listeners::Listeners::Addresses::keep);
}

void Draining::drain_workers() {
  if (addresses_ == listeners::Listeners::Addresses::release) needs_.listening.close_all();
  needs_.workers.post_all([](proxy::Service& service) { service.drain(); });
  wait_until_empty();
}

/// What workers have posted by then may be one more thing to end.
void Draining::wait_until_empty() {
  empty_ = conditions_.when(needs_.is_empty, drain_timeout_, [this](bool is_empty) {
    if (!is_empty) return;  // The deadline says so, too.
    needs_.workers.ask_all([this] {
      if (needs_.is_empty()) return finish("drained");
      wait_until_empty();
    });
  });
}

/// A client that has no answer yet gets one first: a browser that sees its connection end without a byte
/// sends the request again, whatever its method.
void Draining::finish(std::string_view why) {
  if (std::exchange(finished_, true)) return;
  succession_.disarm();
  half_open_.disarm();
  drain_deadline_.disarm();
  needs_.on_end();
  const auto answered = std::make_shared<bool>(needs_.workers.running().empty());
  needs_.workers.post_all([](proxy::Service& service) { service.answer_all(); });
  if (!*answered) needs_.workers.ask_all([answered] { *answered = true; });
  closed_ = conditions_.when([this, answered] { return *answered && needs_.workers.connections() == 0; },
                             kLastAnswers, [this, why](bool) { close_all(why); });
}

/// What is left is dropped first, so that it, too, is in the sums that are reported.
void Draining::close_all(std::string_view why) {
  const auto closed = std::make_shared<bool>(needs_.workers.running().empty());
  needs_.workers.post_all([](proxy::Service& service) { service.close_all(); });
  if (!*closed) needs_.workers.ask_all([closed] { *closed = true; });
  closed_ = conditions_.when([closed] { return *closed; }, kDropPatience,
                             [this, why](bool) {
                               log_account();
                               needs_.log.info("stopped" + field("why", why));
                               needs_.on_finished();
                             });
}

/// Every request has ended by now, in this process or in the next.
void Draining::log_account() {
  observe::Account account;
  for (const auto& each : needs_.workers.accounts()) account.add(each);
  const auto count = [](uint64_t value) { return static_cast<long long>(value); };
  std::string line = "requests accounted" + field("accepted", count(account.accepted));
  if (account.adopted > 0) line += field("taken", count(account.adopted));
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    if (account.ended[i] == 0) continue;
    line += field(name(static_cast<observe::Disposition>(i)), count(account.ended[i]));
  }
  if (account.handed_off > 0) line += field("left", count(account.handed_off));
  if (account.is_balanced()) return needs_.log.info(line + field("balanced", "yes"));
  needs_.log.error(line + field("balanced", "no"));
}

}  // namespace sluice::control
