// The old process while the new one is on probation, and how that ends.
#include <sluice/base/text.h>
#include <sluice/net/signals.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "takeover/handover_impl.h"

namespace sluice::takeover {

void Handover::Impl::begin_standby() {
  stops = 0;
  standby.emplace(StandbyMonitor::Needs{
      .executor = loop,
      .log = log,
      .server = server,
      .open_channel = [this] { return open_channel(loop, settings.admin_path); },
      .silence = 3 * bound(),  // To end it costs every client that it has.
      .kill = [this] { pass_on(SIGKILL); },
      .on_over = [this](Verdict verdict, const std::string& why) { stop_standing_by(verdict, why); },
      .on_back = [this](std::string why, std::unique_ptr<Takeover> by) { go_on(why, std::move(by)); }});
}

/// A signal that is for the active process, from a sender that does not know the number of that process yet.
/// A process that has come back gets none from here: until it serves it passes them on itself, to this one.
bool Handover::Impl::pass_on_to_next(int signal_number) {
  if (!channel || comes_back || net::asks_to_stop(signal_number)) return false;
  if (!send_signal(signal_number)) {
    if (signal_number != SIGHUP) return false;
    tell_progress(Besides::reload);
  }
  log.info("signal passed on to the process that has taken over" + field("signal", signal_number) +
           field("new_pid", new_process));
  return true;
}

bool Handover::Impl::pass_on(int signal_number) {
  if (step == Step::handed) return pass_on_to_next(signal_number);
  if (step != Step::standing_by) return false;
  if (net::asks_to_stop(signal_number)) {
    // Not by a signal: it may have had the same one, as both do from a terminal, and two are a hard stop.
    ++stops;
    standby->note(signal_number);
    tell_progress();
    return true;
  }
  if (!send_signal(signal_number)) return false;
  standby->note(signal_number);
  return true;
}

/// To the new process; false when that cannot be: one in another namespace of processes has no number here,
/// and one that is no child of ours is not ours to kill.
bool Handover::Impl::send_signal(int signal_number) {
  if (process) {
    process->send_signal(signal_number);
    return true;
  }
  if (new_process <= 0 || signal_number == SIGKILL) return false;
  ::kill(new_process, signal_number);
  return true;
}

void Handover::Impl::stop_standing_by(Verdict verdict, const std::string& why) {
  standby.reset();
  too_late.disarm();
  step = Step::handed;
  before.reset();
  log.info("does not stand by any more" + field("cause", why));
  // Connections were held for a way back that has come to nothing; or no process is there to take them.
  channel ? server.migration().pause(false) : server.migration().close();
  server.stop_standing_by(channel != nullptr);
  const bool goes_on = verdict == Verdict::passed;
  const Error none{.code = ErrorCode::conflict, .message = concat({"there is no verdict: ", why})};
  answer(goes_on ? Result<NewProcess>(successor()) : Result<NewProcess>(none));
  settings.on_handed_over(goes_on ? new_process : 0, true);
}

void Handover::Impl::go_on(const std::string& why, std::unique_ptr<Takeover> by) {
  const std::vector<int> signals = standby->noted();
  standby.reset();
  too_late.disarm();
  if (!by && process) process->send_signal(SIGKILL);
  std::erase_if(returned, [](const auto& each) { return each->is_over(); });
  if (by) returned.push_back(std::move(by));
  step = Step::idle;
  before.reset();
  progress.disarm();
  channel.reset();
  process.reset();
  log.warning("this process goes on in place of the new one" + field("new_pid", new_process) +
              field("cause", why));
  settings.on_back();
  for (const int each : signals) repeat(each);
  answer(Error{.code = ErrorCode::rolled_back, .message = concat({"the old process goes on: ", why})});
}

void Handover::Impl::repeat(int signal_number) {
  loop.post([this, signal_number] {
    if (signal_number == SIGHUP) server.reload_on_signal();
    if (net::asks_to_stop(signal_number)) server.stop();
  });
}

}  // namespace sluice::takeover
