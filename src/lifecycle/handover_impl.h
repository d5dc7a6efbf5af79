// The old process's side of a takeover, as its files share it: the conversation, and standing by.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/lifecycle/handover.h>
#include <sluice/net/fd_passing.h>
#include <sluice/net/process.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lifecycle/estate.h"
#include "lifecycle/standby.h"

namespace sluice::lifecycle {

struct Handover::Impl final : net::MessageReader {
  enum class Step {
    idle,
    starting,     // a new process of ours was started, or one has connected; it has not said hello
    offered,      // it has everything; changes are held
    handed,       // it is the one now
    standing_by,  // it is the one for now
  };
  /// A new process that has failed, and has this long to end by itself.
  struct Failed {
    std::unique_ptr<net::Process> process;
    Deadline kill;
  };

  Impl(net::Loop& the_loop, Log& the_log, Server& the_server, HandoverSettings the_settings)
      : loop(the_loop),
        log(the_log),
        server(the_server),
        settings(std::move(the_settings)),
        too_late([this] { be_too_late(); }),
        progress([this] { tell_progress(); }),
        note([this] { note_figures(); }) {
    // Without this the news would take its time from process to process.
    server.predecessors().on_change([this] {
      if (is_handed_over()) tell_progress();
    });
    // A stop refuses connections on sockets that a new process would share by then.
    server.on_stop([this] {
      if (step == Step::starting || step == Step::offered) {
        give_up({.code = ErrorCode::conflict, .message = "this process was told to stop"});
      }
    });
    loop.deadlines().arm(note, RecentFigures::kInterval);
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
  /// While another process stands by it is the only one that may take over.
  Result<void> check_may_take(bool stood_by) const;
  Result<void> start_process(const std::string& binary);
  void begin_step();
  void begin(net::Descriptor connection, std::string_view received);
  /// The words reach who asks even though the connection ends with them.
  static void refuse(net::MessageChannel& asking, const Error& error);

  // ---- what the new process says

  void on_message(net::Message message) override;
  /// Of the process that is the one now.
  void hear(const TakeoverMessage& message);
  void on_end(Error why) override;
  void on_process_ended(const net::ExitStatus& status);
  /// Its end comes in two pieces of news, and what it has said may come after the first.
  void lose(std::string why);
  void be_too_late();
  static Error unexpected();

  // ---- giving

  void offer(const HelloMessage& hello);
  Result<Estate> complete_estate();
  /// Who has just made a generation waits until all workers have it, to be told so by this process.
  void settle(const ReadyMessage& ready);
  /// The point of no return, but for the new process's own word: it accepts once it hears of it, and
  /// until then whoever comes waits in the queues, which it has.
  void hand_over(const ReadyMessage& ready);

  // ---- standing by

  void begin_standby();
  bool pass_on(int signal_number);
  void stop_standing_by(Verdict verdict, const std::string& why);
  /// The one again, as if there had been no upgrade.
  void go_on(const std::string& why, std::unique_ptr<Takeover> by);
  /// That the other process was passed, which was not the one any more.
  void repeat(int signal_number);
  void tell_progress();

  // ---- giving up

  void give_up(Error why);
  /// One of a release before this one may have accepted clients by now: it has time to finish them.
  void end_process();
  void answer(Result<int> result) { done.fire(std::move(result)); }

  net::Loop& loop;
  Log& log;
  Server& server;
  HandoverSettings settings;
  Step step = Step::idle;
  int new_process = 0;
  uint64_t version_of_conversation = 0;
  std::unique_ptr<net::Process> process;  // when we have started it
  Wait ended;
  Wait settled;
  std::unique_ptr<net::MessageChannel> channel;
  std::optional<Error> why_lost;  // its connection, while how it ended is still to be told
  Deadline too_late;
  Deadline progress;
  Pending<Result<int>> done;
  std::optional<Duration> for_verdict;  // who waits for the upgrade waits for that, so long
  bool reload = false;                  // that this process was told to do, and the new one is to
  bool comes_back = false;        // the new process: it has stood by since this one has taken over from it
  std::optional<Figures> before;  // that it is told while this one stands by
  std::optional<Standby> standby;
  unsigned stops = 0;                               // asked of this process while it stands by
  std::vector<std::unique_ptr<Takeover>> returned;  // by which new processes give back their connections
  RecentFigures recent;
  Deadline note;
  std::vector<std::unique_ptr<Failed>> failed;
};

}  // namespace sluice::lifecycle
