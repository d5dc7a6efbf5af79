#include <sluice/base/text.h>
#include <sluice/lifecycle/handover.h>
#include <sluice/net/fd_passing.h>
#include <sluice/net/process.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <span>
#include <utility>

#include "lifecycle/estate.h"

namespace sluice::lifecycle {
namespace {

/// Upgrades that follow one another at once leave processes that still drain; more than this many are too
/// many.
constexpr size_t kMostPredecessors = 64;
constexpr Duration kProgress{200};
/// For the rest of the news, once one is that the new process has ended.
constexpr Duration kLastWords{200};

std::string how_it_ended(const net::ExitStatus& status) {
  if (status.signal != 0) return concat({"was ended by signal ", std::to_string(status.signal)});
  return concat({"ended with exit code ", std::to_string(status.code)});
}

}  // namespace

struct Handover::Impl final : net::MessageReader {
  enum class Step {
    idle,
    starting,  // a new process of ours was started, or one has connected; it has not said hello
    offered,   // it has everything; changes are held
    handed,    // it is the one now
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
        progress([this] { tell_progress(); }) {
    // Without this the news would take its time from process to process.
    server.predecessors().on_change([this] {
      if (step == Step::handed) tell_progress();
    });
  }
  ~Impl() { server.predecessors().on_change(nullptr); }

  Duration bound() const { return server.config().server.takeover_timeout; }

  // ---- beginning

  Result<void> check_may_begin() const {
    const auto conflict = [](const char* why) { return Error{.code = ErrorCode::conflict, .message = why}; };
    if (step != Step::idle) return conflict("a takeover is under way");
    if (server.is_stopping()) return conflict("this process is stopping");
    if (server.predecessors().draining() < kMostPredecessors) return {};
    return conflict("too many earlier processes still drain: wait for them, or lower server.drain_timeout");
  }

  Result<void> start_process(const std::string& binary) {
    if (auto may = check_may_begin(); !may) return may;
    std::vector<std::string> command = settings.command;
    if (!binary.empty()) command[0] = binary;
    auto started = net::Process::start(loop, command);
    if (!started) return std::move(started).error();
    process = *std::move(started);
    ended = process->when_ended([this](const net::ExitStatus& status) { on_process_ended(status); });
    begin_step();
    log.info("upgrade started" + field("binary", command[0]) + field("new_pid", process->pid()));
    return {};
  }

  void begin_step() {
    step = Step::starting;
    why_lost = {};
    loop.deadlines().arm(too_late, bound());
  }

  void begin(net::Descriptor connection, std::string_view received) {
    auto asking = std::make_unique<net::MessageChannel>(loop, std::move(connection), received);
    const auto peer = asking->peer();
    if (!peer || peer->user != ::geteuid()) {
      return refuse(*asking,
                    {.code = ErrorCode::denied, .message = "only a process of the same user takes over"});
    }
    const bool expected = step == Step::starting && process && !channel;
    if (auto may = expected ? Result<void>() : check_may_begin(); !may) return refuse(*asking, may.error());
    if (!expected) begin_step();
    new_process = peer->process;
    channel = std::move(asking);
    channel->start_reading(*this);
  }

  /// The words reach who asks even though the connection ends with them.
  static void refuse(net::MessageChannel& asking, const Error& error) {
    if (const auto text = takeover_text(RefusedMessage{error.code, error.message})) asking.send(*text);
  }

  // ---- what the new process says

  void on_message(net::Message message) override {
    auto parsed = parse_takeover(message.text);
    if (step == Step::handed) {
      // The channel stays whatever comes: its end means to the new process that this one has ended.
      if (const auto* taken = parsed ? std::get_if<TakenMessage>(&*parsed) : nullptr) {
        server.departures().taken(taken->refused, taken->room);
      }
      return;
    }
    if (!parsed) return give_up(std::move(parsed).error());
    if (const auto* refused = std::get_if<RefusedMessage>(&*parsed)) {
      return give_up(
          {.code = refused->code, .message = concat({"the new process said: ", refused->message})});
    }
    if (const auto* hello = std::get_if<HelloMessage>(&*parsed); hello != nullptr && step == Step::starting) {
      return offer(*hello);
    }
    if (auto* ready = std::get_if<ReadyMessage>(&*parsed); ready != nullptr && step == Step::offered) {
      return hand_over(*ready);
    }
    give_up(unexpected());
  }

  void on_end(Error why) override {
    channel.reset();
    progress.disarm();
    if (step == Step::handed) {
      log.warning("the new process has ended" + field("cause", why.message));
      return server.departures().close();
    }
    if (why_lost) return give_up(Error(*why_lost));
    lose(concat({"the new process hung up before it was ready: ", why.message}));
    if (!process || !process->is_running()) give_up(Error(*why_lost));
  }

  void on_process_ended(const net::ExitStatus& status) {
    const bool hung_up = why_lost.has_value();
    lose(concat({"the new process ", how_it_ended(status), " before it was ready"}));
    if (hung_up) give_up(Error(*why_lost));
  }

  /// Its end comes in two pieces of news, and what it has said may come after the first.
  void lose(std::string why) {
    why_lost = Error{.code = ErrorCode::failed, .message = std::move(why)};
    loop.deadlines().arm(too_late, kLastWords);
  }

  void be_too_late() {
    if (why_lost) return give_up(Error(*why_lost));
    const char* const where = step == Step::offered ? "it has the listeners, but did not say that it is ready"
                              : channel             ? "it has connected, but not said hello"
                                                    : "it did not ask for the listeners";
    give_up({.code = ErrorCode::timed_out,
             .message = concat({"the new process was not ready within server.takeover_timeout: ", where})});
  }

  static Error unexpected() {
    return {.code = ErrorCode::malformed, .message = "the new process said something out of turn"};
  }

  // ---- giving

  void offer(const HelloMessage& hello) {
    const auto version = common_version(hello);
    if (!version) return give_up(Error(version.error()));
    auto estate = complete_estate();
    if (!estate) return give_up(Error(estate.error()));
    version_of_conversation = estate->state.version = *version;
    step = Step::offered;
    server.hold_changes(true);
    if (auto sent = send(*std::move(estate)); !sent) give_up(std::move(sent).error());
  }

  Result<Estate> complete_estate() {
    auto estate = server.estate();
    if (!estate) return estate;
    auto admin = settings.admin();
    if (!admin) return std::move(admin).error();
    estate->sockets.push_back({{PassedSocket::Kind::admin, settings.admin_path, 0}, *std::move(admin)});
    return estate;
  }

  Result<void> send(Estate estate) {
    auto& sockets = estate.sockets;
    for (size_t begin = 0; begin < sockets.size(); begin += net::kMostDescriptorsInMessage) {
      SocketsMessage message;
      std::vector<net::Descriptor> descriptors;
      const size_t end = std::min(sockets.size(), begin + net::kMostDescriptorsInMessage);
      for (size_t i = begin; i < end; ++i) {
        message.sockets.push_back(std::move(sockets[i].what));
        descriptors.push_back(std::move(sockets[i].descriptor));
      }
      auto text = takeover_text(message);
      if (!text) return std::move(text).error();
      channel->send(*text, std::move(descriptors));
    }
    auto text = takeover_text(estate.state);
    if (!text) return std::move(text).error();
    channel->send(*text);
    return {};
  }

  /// The point of no return: the new process accepts already, this one stops.
  void hand_over(const ReadyMessage& ready) {
    tell_progress();
    if (channel->is_broken()) return;  // Its end is told next, and nothing has happened.
    step = Step::handed;
    too_late.disarm();
    ended.cancel();
    log.info("handed over to a new process" + field("new_pid", new_process));
    const bool moves = version_of_conversation >= kConnectionsMove && ready.room > 0;
    server.hand_over(ready.listeners, moves ? Server::Clients::move : Server::Clients::finish);
    if (moves) server.departures().open(ready.room, [this](const auto& given) { return give(given); });
    answer(int{new_process});
    settings.on_handed_over(new_process, ready.admin);
  }

  /// Copies: until the new process has said that it has them they stay open here, too.
  size_t give(std::span<const proxy::MovedConnection> given) {
    ConnectionsMessage message;
    std::vector<net::Descriptor> descriptors;
    for (const auto& connection : given) {
      if (!add_copies(connection, descriptors)) break;
      message.connections.push_back(connection.record);
    }
    const auto text = takeover_text(message);
    if (descriptors.empty() || !text || !channel || channel->is_broken()) return 0;
    channel->send(*text, std::move(descriptors));
    return message.connections.size();
  }

  static bool add_copies(const proxy::MovedConnection& connection,
                         std::vector<net::Descriptor>& descriptors) {
    auto client = net::Descriptor::duplicate_of(connection.client.get());
    if (!client) return false;
    if (connection.record.tunnel) {
      auto backend = net::Descriptor::duplicate_of(connection.backend.get());
      if (!backend) return false;
      descriptors.push_back(*std::move(client));
      descriptors.push_back(*std::move(backend));
    } else {
      descriptors.push_back(*std::move(client));
    }
    return true;
  }

  void tell_progress() {
    if (!channel) return;
    const auto text = takeover_text(YoursMessage{server.totals(), server.predecessors().draining()});
    if (text) channel->send(*text);
    loop.deadlines().arm(progress, kProgress);
  }

  // ---- giving up

  void give_up(Error why) {
    // It has to know that this is no end of this process, of which it would be the heir.
    if (channel) refuse(*channel, why);
    channel.reset();
    too_late.disarm();
    progress.disarm();
    ended.cancel();
    step = Step::idle;
    server.hold_changes(false);
    end_process();
    log.error("takeover failed, this process goes on" + field("cause", why.message));
    answer(std::move(why));
  }

  /// It may have accepted clients by now: it has time to finish them.
  void end_process() {
    if (!process || !process->is_running()) return process.reset();
    process->send_signal(SIGTERM);
    std::erase_if(failed, [](const auto& one) { return !one->process->is_running(); });
    failed.push_back(std::make_unique<Failed>());
    Failed& one = *failed.back();
    one.process = std::move(process);
    one.kill.set_callback([&one] { one.process->send_signal(SIGKILL); });
    loop.deadlines().arm(one.kill, bound());
  }

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
  std::unique_ptr<net::MessageChannel> channel;
  std::optional<Error> why_lost;  // its connection, while how it ended is still to be told
  Deadline too_late;
  Deadline progress;
  Pending<Result<int>> done;
  std::vector<std::unique_ptr<Failed>> failed;
};

Handover::Handover(net::Loop& loop, Log& log, Server& server, HandoverSettings settings)
    : impl_(std::make_unique<Impl>(loop, log, server, std::move(settings))) {}

Handover::~Handover() = default;

Result<Wait> Handover::upgrade(const std::string& binary, OnDone on_done) {
  if (auto started = impl_->start_process(binary); !started) return std::move(started).error();
  return impl_->done.wait(std::move(on_done));
}

void Handover::upgrade_on_signal() {
  if (auto started = impl_->start_process(""); !started) {
    impl_->log.error("upgrade refused" + field("cause", started.error().message));
  }
}

void Handover::begin(net::Descriptor connection, std::string_view received) {
  impl_->begin(std::move(connection), received);
}

void Handover::say_goodbye() {
  impl_->tell_progress();
}

}  // namespace sluice::lifecycle
