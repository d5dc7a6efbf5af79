#include "takeover/standby_monitor.h"

#include <sluice/net/signals.h>

#include <utility>

namespace sluice::takeover {
namespace {

/// What a process that is gone has counted. What it had in flight is settled once its clients have come back.
observe::Totals closed(const HeartbeatMessage& last) {
  observe::Totals totals = last.totals;
  totals.connections = 0;
  return totals;
}

}  // namespace

StandbyMonitor::StandbyMonitor(Needs needs) : needs_(std::move(needs)), silence_([this] { be_silent(); }) {
  expect_beat();
}

void StandbyMonitor::hear(const HeartbeatMessage& beat) {
  last_beat_ = beat;
  expect_beat();
}

void StandbyMonitor::expect_beat() {
  is_doubtful_ = false;
  needs_.executor.deadlines().arm(silence_, needs_.silence / 2);
}

void StandbyMonitor::hear(const VerdictMessage& verdict) {
  switch (verdict.verdict) {
    case Verdict::passed:
      return needs_.on_over(Verdict::passed, verdict.why);
    case Verdict::stopping:
      ends_ = true;
      return;
    case Verdict::roll_back:
      wanted_back_ = verdict.why;
      needs_.server.migration().pause(true);
      return come_back();
  }
}

void StandbyMonitor::note(int signal_number) {
  if (net::asks_to_stop(signal_number)) ends_ = true;
  if (asked_) noted_.push_back(signal_number);
}

void StandbyMonitor::on_taken() {
  come_back();
}

/// Not before it is known which of the last connections the new process has taken.
void StandbyMonitor::come_back() {
  if (!wanted_back_ || asked_ || !needs_.server.migration().is_acknowledged()) return;
  auto channel = needs_.open_channel();
  if (!channel) return on_asked(channel.error());
  asked_ = Takeover::come_back(needs_.log, *std::move(channel), needs_.server,
                               [this](const Result<void>& result) { on_asked(result); });
}

void StandbyMonitor::on_asked(const Result<void>& result) {
  if (!result) {
    needs_.log.warning("nothing was taken back" + field("cause", result.error().message));
    wanted_back_.reset();
    noted_.clear();
    // It is in the middle of a call.
    needs_.executor.post([gone = std::make_shared<std::unique_ptr<Takeover>>(std::move(asked_))] {});
    return needs_.server.migration().pause(false);
  }
  needs_.on_back(*std::move(wanted_back_), std::move(asked_));
}

void StandbyMonitor::process_gone(const std::string& cause) {
  if (ends_) return needs_.on_over(Verdict::stopping, "the new process was stopped");
  needs_.server.predecessors().set(
      {.process = -1, .is_draining = false, .totals = closed(last_beat_), .has_died = true});
  needs_.server.resume_alone(last_beat_.generation, last_beat_.event);
  needs_.on_back(cause, nullptr);
}

/// It may be this process that was held up. What has come meanwhile is read before the second half is over.
void StandbyMonitor::be_silent() {
  if (!std::exchange(is_doubtful_, true))
    return needs_.executor.deadlines().arm(silence_, needs_.silence / 2);
  needs_.log.error("the new process is silent" + field("for_ms", needs_.silence.count()));
  needs_.kill();
  // A process that is not ours to kill is not waited for.
  if (ends_) needs_.on_over(Verdict::stopping, "the new process was to stop, and is silent");
}

}  // namespace sluice::takeover
