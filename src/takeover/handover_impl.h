// The old process's side of a takeover, as its files share it: the conversation, and standing by.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/control/handoff_state.h>
#include <sluice/net/message_channel.h>
#include <sluice/net/process.h>
#include <sluice/takeover/handover.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takeover/standby_monitor.h"
#include "takeover/takeover_messages.h"

namespace sluice::takeover {

struct Handover::Impl final : net::MessageReader {
  enum class Step {
    idle,
    starting,     // a new process of ours was started, or one has connected; it has not said hello
    offered,      // it has everything; changes are held
    handed,       // the new process is active
    standing_by,  // the new process is active for now, and this one on standby
  };
  /// A new process that has failed, and has this long to end by itself.
  struct Failed {
    std::unique_ptr<net::Process> process;
    Deadline kill;
  };

  Impl(net::Loop& the_loop, Log& the_log, control::Server& the_server, HandoverSettings the_settings)
      : loop(the_loop),
        log(the_log),
        server(the_server),
        settings(std::move(the_settings)),
        too_late([this] { be_too_late(); }),
        progress([this] { tell_progress(); }),
        note([this] { note_figures(); }) {
    // Without this, news would pass slowly from process to process.
    server.predecessors().on_change([this] {
      if (is_handed_over()) tell_progress();
    });
    // A stop refuses connections on sockets that a new process would share by then.
    server.on_stop([this] {
      if (step == Step::starting || step == Step::offered) {
        give_up({.code = ErrorCode::conflict, .message = "this process was told to stop"});
      }
    });
    loop.deadlines().arm(note, RecentErrorRates::kInterval);
  }
  ~Impl() {
    server.predecessors().on_change(nullptr);
    server.on_stop(nullptr);
  }

  Duration bound() const { return server.config().server.takeover_timeout; }
  bool is_handed_over() const { return step == Step::handed || step == Step::standing_by; }

  void note_figures();

  // ---- beginning

  static Error conflict(const char* why) { return {.code = ErrorCode::conflict, .message = why}; }
  Result<void> check_may_begin() const;
  /// While another process is on standby, no other may take over.
  Result<void> check_may_take(bool stood_by) const;
  Result<void> start_process(const std::string& binary);
  void begin_step();
  void begin(std::unique_ptr<net::MessageChannel> asking);
  /// The answer reaches the process that asks, even though the connection ends with it.
  static void refuse(net::MessageChannel& asking, const Error& error);

  // ---- what the new process says

  void on_message(net::Message message) override;
  /// Of the process that is active now.
  void hear(const TakeoverMessage& message);
  void on_end(Error why) override;
  void on_process_ended(const net::ExitStatus& status);
  /// Its end is reported twice, by its connection and by its exit, and what it has said may come after the
  /// first.
  void lose(std::string why);
  void be_too_late();
  static Error unexpected();

  // ---- giving

  void offer(const HelloMessage& hello);
  Result<control::HandoffState> complete_handoff_state();
  /// A command that has just made a generation waits until all workers have it, and this process is to answer
  /// it.
  void settle(const ReadyMessage& ready);
  /// The point of no return, unless the new process itself gives everything back: it accepts once it hears of
  /// it, and until then clients that come wait in the queues, which it has.
  void hand_over(const ReadyMessage& ready);

  // ---- standing by

  void begin_standby();
  bool pass_on(int signal_number);
  bool pass_on_to_next(int signal_number);
  bool send_signal(int signal_number);
  void stop_standing_by(Verdict verdict, const std::string& why);
  /// Active again, as if there had been no upgrade.
  void go_on(const std::string& why, std::unique_ptr<Takeover> by);
  /// A signal that the other process was passed when it may not have been active any more.
  void repeat(int signal_number);
  /// What the news asks or says besides.
  enum class Besides { nothing, reload, goodbye };
  void tell_progress(Besides besides = Besides::nothing);

  // ---- giving up

  void give_up(Error why);
  /// A process of an earlier release may have accepted clients by now: it has time to finish them.
  void end_process();
  void answer(Result<NewProcess> result) { done.fire(std::move(result)); }
  NewProcess successor() const { return {new_process, said.sluice, said.binary}; }

  net::Loop& loop;
  Log& log;
  control::Server& server;
  HandoverSettings settings;
  Step step = Step::idle;
  int new_process = 0;
  HelloMessage said;  // by the new process
  uint64_t version_of_conversation = 0;
  std::unique_ptr<net::Process> process;  // when we have started it
  Wait ended;
  Wait settled;
  std::unique_ptr<net::MessageChannel> channel;
  std::optional<Error> why_lost;  // the first report of its end, while the second is still to come
  Deadline too_late;
  Deadline progress;
  Pending<Result<NewProcess>> done;
  std::optional<Duration> for_verdict;  // how long the upgrade command waits for the verdict
  bool comes_back = false;          // the new process: this one has taken over from it, and it was on standby
  std::optional<ErrorRate> before;  // sent to it while this one is on standby
  std::optional<StandbyMonitor> standby;
  unsigned stops = 0;                               // asked of this process while on standby
  std::vector<std::unique_ptr<Takeover>> returned;  // by which new processes give back their connections
  RecentErrorRates recent;
  Deadline note;
  std::vector<std::unique_ptr<Failed>> failed;
};

}  // namespace sluice::takeover
