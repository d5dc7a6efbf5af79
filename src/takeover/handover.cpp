#include <sluice/base/text.h>
#include <sluice/net/fd_passing.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "takeover/handover_impl.h"
#include "takeover/sending.h"

namespace sluice::takeover {
namespace {

/// Upgrades that follow one another at once leave processes that still drain; more than this many are too
/// many.
constexpr size_t kMostPredecessors = 64;
constexpr Duration kProgress{200};
/// A worker that has not adopted the generation by then does not hold up an upgrade.
constexpr Duration kSettling{1000};
/// For the other report, once the first says that the new process has ended.
constexpr Duration kLastWords{200};

std::string how_it_ended(const net::ExitStatus& status) {
  if (status.signal != 0) return concat({"was ended by signal ", std::to_string(status.signal)});
  return concat({"ended with exit code ", std::to_string(status.code)});
}

}  // namespace

void Handover::Impl::note_figures() {
  recent.note(loop.clock().now(), error_rate_of(server.own_totals()));
  loop.deadlines().arm(note, RecentErrorRates::kInterval);
}

Result<void> Handover::Impl::check_may_begin() const {
  if (step != Step::idle) return conflict("a takeover is under way");
  if (server.is_stopping()) return conflict("this process is stopping");
  if (server.predecessors().draining() < kMostPredecessors) return {};
  return conflict("too many earlier processes still drain: wait for them, or lower server.drain_timeout");
}

Result<void> Handover::Impl::check_may_take(bool stood_by) const {
  const control::Predecessor* last = server.predecessors().last();
  const bool is_on_probation = last != nullptr && last->stands_by;
  if (stood_by == is_on_probation) return {};
  if (stood_by) return conflict("this process is not on probation: nothing is to be taken back");
  return conflict("this process is on probation: `sluice upgrade --keep` ends that, `--back` goes back");
}

Result<void> Handover::Impl::start_process(const std::string& binary) {
  if (auto may = check_may_begin(); !may) return may;
  if (auto may = check_may_take(false); !may) return may;
  std::vector<std::string> command = settings.command;
  if (!binary.empty()) command[0] = binary;
  auto started = net::Process::start(loop, command);
  if (!started) return std::move(started).error();
  process = *std::move(started);
  ended = process->when_ended([this](const net::ExitStatus& status) { on_process_ended(status); });
  for_verdict.reset();
  begin_step();
  log.info("upgrade started" + field("binary", command[0]) + field("new_pid", process->pid()));
  return {};
}

void Handover::Impl::begin_step() {
  step = Step::starting;
  why_lost = {};
  loop.deadlines().arm(too_late, bound());
}

void Handover::Impl::begin(std::unique_ptr<net::MessageChannel> asking) {
  const auto peer = asking->peer();
  if (!peer || peer->user != ::geteuid()) {
    return refuse(*asking,
                  {.code = ErrorCode::denied, .message = "only a process of the same user takes over"});
  }
  // The process that was started here has failed, and another asks: that is another takeover.
  if (why_lost && !channel && !(process && peer->process == process->pid())) give_up(Error(*why_lost));
  const bool expected = step == Step::starting && process && !channel;
  if (auto may = expected ? Result<void>() : check_may_begin(); !may) return refuse(*asking, may.error());
  if (!expected) begin_step();
  new_process = peer->process;
  channel = std::move(asking);
  channel->start_reading(*this);
}

void Handover::Impl::refuse(net::MessageChannel& asking, const Error& error) {
  if (const auto text = takeover_text(RefusedMessage{error.code, error.message})) asking.send(*text);
}

void Handover::Impl::on_message(net::Message message) {
  auto parsed = parse_takeover(message.text);
  // The channel stays whatever comes: its end means to the new process that this one has ended.
  if (is_handed_over()) return parsed ? hear(*parsed) : void();
  if (!parsed) return give_up(std::move(parsed).error());
  if (const auto* refused = std::get_if<RefusedMessage>(&*parsed)) {
    return give_up({.code = refused->code, .message = concat({"the new process said: ", refused->message})});
  }
  const auto* hello = std::get_if<HelloMessage>(&*parsed);
  if (hello != nullptr && step == Step::starting) return offer(*hello);
  if (auto* ready = std::get_if<ReadyMessage>(&*parsed); ready != nullptr && step == Step::offered) {
    return settle(*ready);
  }
  give_up(unexpected());
}

void Handover::Impl::hear(const TakeoverMessage& message) {
  if (const auto* changes = std::get_if<ChangesMessage>(&message)) {
    server.follow(changes->saved);
  } else if (const auto* taken = std::get_if<AcknowledgeMessage>(&message)) {
    server.migration().acknowledge(taken->refused, taken->room);
    if (standby) standby->on_taken();
  } else if (const auto* beat = std::get_if<HeartbeatMessage>(&message); beat != nullptr && standby) {
    standby->hear(*beat);
  } else if (const auto* verdict = std::get_if<VerdictMessage>(&message); verdict != nullptr && standby) {
    standby->hear(*verdict);
  }
}

void Handover::Impl::on_end(Error why) {
  channel.reset();
  settled.cancel();
  progress.disarm();
  if (standby) return standby->process_gone(concat({"the new process has ended: ", why.message}));
  if (step == Step::handed) {
    log.warning("the new process has ended" + field("cause", why.message));
    return server.migration().close();
  }
  if (why_lost) return give_up(Error(*why_lost));
  lose(concat({"the new process hung up before it was ready: ", why.message}));
  if (!process || !process->is_running()) give_up(Error(*why_lost));
}

void Handover::Impl::on_process_ended(const net::ExitStatus& status) {
  if (channel && new_process != process->pid()) return;  // Another process was first, and has not ended.
  const bool hung_up = why_lost.has_value();
  lose(concat({"the new process ", how_it_ended(status), " before it was ready"}));
  if (hung_up) give_up(Error(*why_lost));
}

void Handover::Impl::lose(std::string why) {
  why_lost = Error{.code = ErrorCode::failed, .message = std::move(why)};
  loop.deadlines().arm(too_late, kLastWords);
}

void Handover::Impl::be_too_late() {
  if (is_handed_over()) {
    return answer(Error{.code = ErrorCode::timed_out, .message = "the new process is still on probation"});
  }
  if (why_lost) return give_up(Error(*why_lost));
  const char* const where = step == Step::offered ? "it has the listeners, but did not say that it is ready"
                            : channel             ? "it has connected, but not said hello"
                                                  : "it did not ask for the listeners";
  give_up({.code = ErrorCode::timed_out,
           .message = concat({"the new process was not ready within server.takeover_timeout: ", where})});
}

Error Handover::Impl::unexpected() {
  return {.code = ErrorCode::malformed, .message = "the new process said something out of turn"};
}

void Handover::Impl::offer(const HelloMessage& hello) {
  if (auto may = check_may_take(hello.comes_back); !may) return give_up(std::move(may).error());
  comes_back = hello.comes_back;
  said = hello;
  const auto version = common_version(hello);
  if (!version) return give_up(Error(version.error()));
  auto handoff = complete_handoff_state();
  if (!handoff) return give_up(Error(handoff.error()));
  version_of_conversation = *version;
  step = Step::offered;
  server.hold_changes(true);
  if (auto sent = send_handoff_state(*channel, *version, *std::move(handoff)); !sent)
    give_up(std::move(sent).error());
}

Result<control::HandoffState> Handover::Impl::complete_handoff_state() {
  auto handoff = server.handoff_state();
  if (!handoff) return handoff;
  auto admin = settings.admin();
  if (!admin) return std::move(admin).error();
  handoff->sockets.push_back(
      {{control::HandedSocket::Kind::admin, settings.admin_path, 0}, *std::move(admin)});
  return handoff;
}

void Handover::Impl::settle(const ReadyMessage& ready) {
  settled = server.when([this] { return server.is_adopted(server.generation()); }, kSettling,
                        [this, ready](bool) { hand_over(ready); });
}

void Handover::Impl::hand_over(const ReadyMessage& ready) {
  // A probation may have been passed meanwhile: the process on standby ends then.
  if (auto may = check_may_take(comes_back); !may) return give_up(std::move(may).error());
  const bool stands_by = version_of_conversation >= kProbation && ready.probation && !comes_back;
  if (stands_by) before = recent.until(error_rate_of(server.own_totals()));
  const bool reload = server.take_postponed_reload();
  tell_progress(reload ? Besides::reload : Besides::nothing);
  if (channel->is_broken()) {  // Its end is reported next, and nothing has happened.
    if (reload) server.reload_on_signal();
    return;
  }
  step = stands_by ? Step::standing_by : Step::handed;
  too_late.disarm();
  ended.cancel();
  // Then the new process is not our child. One in another namespace of processes may be: it has no number
  // here.
  if (process && new_process > 0 && process->pid() != new_process) process.reset();
  log.info((comes_back ? "handed back" : "handed over to a new process") + field("new_pid", new_process) +
           field("version", said.sluice) + field("binary", said.binary) +
           (stands_by ? field("stands_by", "yes") : ""));
  const bool moves = version_of_conversation >= kConnectionsMove && ready.room > 0;
  const auto clients = moves ? listeners::Clients::move : listeners::Clients::finish;
  if (stands_by) {
    server.suspend(ready.listeners, clients);
    begin_standby();
  } else {
    server.hand_over(ready.listeners, clients);
  }
  if (moves) {
    server.migration().open(
        ready.room, [this](const auto& given) { return channel ? send_connections(*channel, given) : 0; });
  }
  if (!stands_by || !for_verdict) answer(successor());
  if (stands_by && for_verdict) loop.deadlines().arm(too_late, *for_verdict);
  if (stands_by) return settings.on_stand_by();
  settings.on_handed_over(new_process, ready.admin);
}

void Handover::Impl::tell_progress(Besides besides) {
  if (!channel) return;
  // A process that comes back knows its own counts, and those of the processes before it.
  ActivateMessage yours = comes_back ? ActivateMessage{.totals = server.own_totals()}
                                     : ActivateMessage{.totals = server.totals(),
                                                       .predecessors = server.predecessors().draining(),
                                                       .stands_by = before,
                                                       .stops = stops};
  yours.reload = besides == Besides::reload;
  yours.goodbye = besides == Besides::goodbye;
  yours.has_lost = server.predecessors().has_lost();
  if (const auto text = takeover_text(yours)) channel->send(*text);
  loop.deadlines().arm(progress, kProgress);
}

void Handover::Impl::give_up(Error why) {
  // It has to know that this process has not ended: it would take the end of the channel for that, and become
  // its successor.
  if (channel) refuse(*channel, why);
  channel.reset();
  settled.cancel();
  too_late.disarm();
  progress.disarm();
  ended.cancel();
  why_lost.reset();
  step = Step::idle;
  server.hold_changes(false);
  end_process();
  log.error("takeover failed, this process goes on" + field("cause", why.message));
  if (std::exchange(comes_back, false)) settings.on_not_back(why);
  answer(std::move(why));
}

void Handover::Impl::end_process() {
  if (!process || !process->is_running()) return process.reset();
  process->send_signal(SIGTERM);
  std::erase_if(failed, [](const auto& one) { return !one->process->is_running(); });
  failed.push_back(std::make_unique<Failed>());
  Failed& one = *failed.back();
  one.process = std::move(process);
  one.kill.set_callback([&one] { one.process->send_signal(SIGKILL); });
  loop.deadlines().arm(one.kill, bound());
}

Handover::Handover(net::Loop& loop, Log& log, control::Server& server, HandoverSettings settings)
    : impl_(std::make_unique<Impl>(loop, log, server, std::move(settings))) {}

Handover::~Handover() = default;

Result<Wait> Handover::upgrade(const std::string& binary, std::optional<Duration> for_verdict,
                               OnDone on_done) {
  if (auto started = impl_->start_process(binary); !started) return std::move(started).error();
  impl_->for_verdict = for_verdict;
  return impl_->done.wait(std::move(on_done));
}

void Handover::upgrade_on_signal() {
  if (auto started = impl_->start_process(""); !started) {
    impl_->log.error("upgrade refused" + field("cause", started.error().message));
  }
}

void Handover::begin(net::Descriptor connection, std::string_view received) {
  impl_->begin(std::make_unique<net::SocketChannel>(impl_->loop, std::move(connection), received));
}

bool Handover::forward_signal(int signal_number) {
  return impl_->pass_on(signal_number);
}

void Handover::send_final_totals() {
  impl_->tell_progress(Impl::Besides::goodbye);
}

}  // namespace sluice::takeover
