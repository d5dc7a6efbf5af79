// The old process while the new one is on probation, and how that ends.
#include <sluice/base/text.h>
#include <sluice/net/signals.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "lifecycle/handover_impl.h"

namespace sluice::lifecycle {

void Handover::Impl::begin_standby() {
  stops = 0;
  standby.emplace(Standby::Needs{
      .loop = loop,
      .log = log,
      .server = server,
      .admin_path = settings.admin_path,
      .silence = 3 * bound(),  // To end it costs every client that it has.
      .kill = [this] { pass_on(SIGKILL); },
      .on_over = [this](Verdict verdict, const std::string& why) { stop_standing_by(verdict, why); },
      .on_back = [this](std::string why, std::unique_ptr<Takeover> by) { go_on(why, std::move(by)); }});
}

bool Handover::Impl::pass_on(int signal_number) {
  if (step != Step::standing_by) return false;
  if (net::asks_to_stop(signal_number)) {
    // Not by a signal: it may have had the same one, as both do from a terminal, and two are a hard stop.
    ++stops;
    standby->note(signal_number);
    tell_progress();
    return true;
  }
  // Who is in another namespace of processes has no number here.
  if (!process && new_process <= 0) return false;
  standby->note(signal_number);
  if (process) {
    process->send_signal(signal_number);
  } else if (signal_number != SIGKILL) {  // Who is not our child is not ours to kill.
    ::kill(new_process, signal_number);
  }
  return true;
}

void Handover::Impl::stop_standing_by(Verdict verdict, const std::string& why) {
  standby.reset();
  too_late.disarm();
  step = Step::handed;
  before.reset();
  log.info("does not stand by any more" + field("cause", why));
  // They were held for a way back that has come to nothing; or nobody is there who could take them.
  channel ? server.departures().hold(false) : server.departures().close();
  server.stop_standing_by();
  const bool goes_on = verdict == Verdict::passed;
  const Error none{.code = ErrorCode::conflict, .message = concat({"there is no verdict: ", why})};
  answer(goes_on ? Result<int>(new_process) : Result<int>(none));
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

}  // namespace sluice::lifecycle
