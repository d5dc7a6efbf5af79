#include <sluice/base/text.h>
#include <sluice/control/handoff_state.h>
#include <sluice/net/fd_passing.h>
#include <sluice/net/process.h>
#include <sluice/takeover/takeover.h>

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "takeover/takeover_messages.h"

namespace sluice::takeover {
namespace {

/// The admin protocol's line that turns a connection over to messages.
constexpr std::string_view kLine = "takeover\n";
/// The old process bounds the time to its answer when we are ready: if that is over, it goes on, and says so.
/// If we gave up, both might stop.
constexpr Duration kNoBound = std::chrono::hours(24);
/// For a process that has died to be gone with all that it had open.
constexpr Duration kGone{1000};

/// A process that ends in order removes the file of its socket.
bool was_left_behind(const std::string& admin_socket, const Error& why) {
  std::error_code failure;
  return why.code == ErrorCode::refused && std::filesystem::is_socket(admin_socket, failure);
}

HelloMessage hello(bool comes_back) {
  HelloMessage message{.sluice = SLUICE_VERSION,
                       .binary = net::binary_of_this_process(),
                       .process = ::getpid(),
                       .comes_back = comes_back};
  if (!takeover_text(message)) message.binary.clear();  // A path that is no UTF-8.
  return message;
}

/// To the process that answers there, and asks it for a conversation.
Result<net::Descriptor> connect(const std::string& admin_socket) {
  auto connection = net::connect_local(admin_socket);
  if (!connection) {
    Error error = std::move(connection).error();
    error.code = was_left_behind(admin_socket, error) ? ErrorCode::reset : ErrorCode::unreachable;
    return error;
  }
  if (::send(connection->get(), kLine.data(), kLine.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kLine.size())) {
    return Error{.code = ErrorCode::reset, .message = concat({admin_socket, " takes no commands"})};
  }
  return connection;
}

}  // namespace

Result<std::unique_ptr<net::MessageChannel>> open_channel(net::Loop& loop, const std::string& admin_socket) {
  auto connection = connect(admin_socket);
  if (!connection) return std::move(connection).error();
  return std::unique_ptr<net::MessageChannel>(
      std::make_unique<net::SocketChannel>(loop, *std::move(connection)));
}

struct Takeover::Impl final : net::MessageReader {
  /// Connections, as they came.
  struct Batch {
    std::vector<proxy::ConnectionState> records;
    std::vector<net::Descriptor> descriptors;
  };

  Impl(Log& the_log, std::unique_ptr<net::MessageChannel> the_channel)
      : log(the_log), channel(std::move(the_channel)) {
    if (const auto peer = channel->peer()) running = peer->process;
    channel->start_reading(*this);
  }

  void on_message(net::Message message) override {
    auto parsed = parse_takeover(message.text);
    if (!parsed) return fail(std::move(parsed).error());
    if (auto* sockets = std::get_if<SocketsMessage>(&*parsed)) {
      return take_sockets(std::move(sockets->sockets), std::move(message.descriptors));
    }
    if (auto* state = std::get_if<StateMessage>(&*parsed)) {
      handoff.state = std::move(state->state);
      process = handoff.state.process;
      version = state->version;
      is_complete = true;
      if (on_back) send_ready_again();
    } else if (const auto* yours = std::get_if<ActivateMessage>(&*parsed)) {
      hear(*yours);
    } else if (auto* given = std::get_if<ConnectionsMessage>(&*parsed); given != nullptr && is_ours) {
      arrived.push_back({std::move(given->connections), std::move(message.descriptors)});
      if (server != nullptr) take_arrived();
    } else if (const auto* refused = std::get_if<RefusedMessage>(&*parsed)) {
      fail({.code = refused->code, .message = concat({"the running process said: ", refused->message})});
    } else {
      fail({.code = ErrorCode::malformed, .message = "the running process said something out of turn"});
    }
  }

  void take_sockets(std::vector<control::HandedSocket> sockets, std::vector<net::Descriptor> descriptors) {
    if (sockets.size() != descriptors.size()) {
      return fail({.code = ErrorCode::malformed, .message = "sockets came without their descriptors"});
    }
    for (size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].kind == control::HandedSocket::Kind::state_lock) state_file = sockets[i].name;
      handoff.sockets.push_back({std::move(sockets[i]), std::move(descriptors[i])});
    }
  }

  /// Says which it takes before a byte is read from any of them: the others stay the old process's, and so do
  /// all when it never gets the answer. When it has ended it does not get it either, but then no other
  /// process has them.
  void take_arrived() {
    for (auto& batch : std::exchange(arrived, {})) {
      AcknowledgeMessage answer;
      auto taken = choose(std::move(batch), answer);
      send(answer);
      for (auto& connection : taken) server->adopt_connection(std::move(connection));
    }
  }

  std::vector<proxy::MigratedConnection> choose(Batch batch, AcknowledgeMessage& answer) const {
    auto connections = matched(std::move(batch));
    size_t room = server->connection_capacity();
    std::vector<proxy::MigratedConnection> taken;
    for (size_t i = 0; i < connections.size(); ++i) {
      auto& connection = connections[i];
      if (connection.client.is_open() && connection.descriptors() <= room &&
          server->may_adopt(connection.record)) {
        room -= connection.descriptors();
        taken.push_back(std::move(connection));
      } else {
        answer.refused.push_back(i);
      }
    }
    answer.room = room;
    return taken;
  }

  /// Each with its descriptors. A connection without them cannot go on.
  static std::vector<proxy::MigratedConnection> matched(Batch batch) {
    std::vector<proxy::MigratedConnection> connections;
    size_t next = 0;
    for (auto& record : batch.records) {
      connections.push_back({.record = std::move(record)});
      auto& connection = connections.back();
      if (next + connection.descriptors() > batch.descriptors.size()) continue;
      connection.client = std::move(batch.descriptors[next++]);
      if (connection.record.tunnel) connection.backend = std::move(batch.descriptors[next++]);
    }
    return connections;
  }

  /// The first one says that all is ours.
  void hear(const ActivateMessage& yours) {
    const bool is_first = !std::exchange(is_ours, true);
    if (is_first) stands_by = yours.stands_by;
    last = {.process = process,
            .stands_by = stands_by.has_value(),
            .totals = yours.totals,
            .earlier = yours.predecessors,
            .has_lost = yours.has_lost};
    has_said_goodbye = yours.goodbye;
    if (is_first && on_back) {
      server = going_on;
      server->resume(handoff);
      tell_of_changes();
    }
    if (server != nullptr) server->predecessors().set(last);
    if (yours.reload) reload_wanted = true;
    stops = yours.stops;
    if (stops > 0 && on_stops) on_stops(stops);
    if (yours.reload && server != nullptr) server->reload_on_signal();
    if (is_first && on_back) on_back({});
  }

  /// Nothing is opened here: this process has kept what it will accept on, except sockets that only the other
  /// process has.
  void send_ready_again() {
    going_on->borrow_listeners(handoff);
    handoff.sockets.clear();
    send(ReadyMessage{.listeners = going_on->suspended_listeners(),
                      .admin = true,
                      .room = going_on->connection_capacity()});
  }

  void on_end(Error why) override {
    // A process that goes on would have refused.
    const bool has_died = is_ready || why.code == ErrorCode::closed || why.code == ErrorCode::reset;
    if (!is_ours && (on_back || !has_died)) return fail(std::move(why));
    if (!is_ours && !is_complete) return lose();
    if (!std::exchange(is_ours, true)) {
      log.warning("the running process has ended in the middle of the takeover" + field("pid", process));
      last.process = process;
    }
    channel.reset();
    told_of_changes.reset();
    last.is_draining = false;
    last.earlier = 0;
    last.totals.connections = 0;
    last.stands_by = false;
    last.has_died = !has_said_goodbye;
    if (server != nullptr) server->predecessors().set(last);
    const bool handed_back = stands_by && server != nullptr && server->is_stopping();
    if (!handed_back) log.info("the process before this one is gone" + field("pid", process));
    if (on_over) on_over();
  }

  /// The running process has died before it had given everything. Clients wait on the listening sockets that
  /// it has given; the rest is as after any crash.
  void lose() {
    is_lost = true;
    channel.reset();
    handoff.state = {};
    handoff.has_sockets_alone = true;
    std::erase_if(handoff.sockets,
                  [](const auto& each) { return each.what.kind != control::HandedSocket::Kind::listener; });
  }

  void fail(Error why) {
    if (is_ours) return;  // An error in what it reports on its way out is ignored.
    error = std::move(why);
    channel.reset();
    if (!on_back) return;
    handoff.sockets.clear();
    going_on->borrow_listeners(handoff);
    on_back(*error);
  }

  /// Earlier releases do not know the message.
  void tell_of_changes() {
    if (version < kProbation || !channel) return;
    told_of_changes =
        server->on_changes([this](const desired::SavedState& changes) { send(ChangesMessage{changes}); });
  }

  void send(const TakeoverMessage& message) {
    const auto text = takeover_text(message);
    if (text && channel) channel->send(*text);
    if (!text) fail(text.error());
  }

  Log& log;
  std::unique_ptr<net::MessageChannel> channel;
  control::Server* server = nullptr;
  control::HandoffState handoff;
  bool has_admin_socket = false;  // taken
  std::string state_file;         // of the running process
  int running = 0;                // its number, as the kernel knows it
  bool is_complete = false;       // the handoff state
  bool is_lost = false;
  bool is_ready = false;
  bool is_ours = false;
  bool has_said_goodbye = false;
  bool reload_wanted = false;  // of the process before this one, in the middle of the takeover
  std::optional<Error> error;
  int process = 0;
  uint64_t version = 0;
  control::Predecessor last;
  std::vector<Batch> arrived;  // while there is no server for them yet
  std::optional<ErrorRate> stands_by;
  control::Server::Follower told_of_changes;  // sends them to the other process, until that is gone
  unsigned stops = 0;                         // of the process on standby
  std::function<void(unsigned)> on_stops;
  std::function<void()> on_over;
  control::Server* going_on = nullptr;  // which resumes, and has been there all the time
  std::function<void(Result<void>)> on_back;
};

Result<std::unique_ptr<Takeover>> Takeover::ask(net::Loop& loop, Log& log,
                                                std::unique_ptr<net::MessageChannel> channel,
                                                Duration bound) {
  auto impl = std::make_unique<Impl>(log, std::move(channel));
  impl->send(hello(false));
  if (!loop.run_until([&] { return impl->is_complete || impl->is_lost || impl->error; }, bound)) {
    return Error{.code = ErrorCode::timed_out,
                 .message = "the running process did not hand out its listeners in time"};
  }
  if (impl->error) return *std::move(impl->error);
  if (impl->is_lost) net::wait_until_ended(impl->running, kGone);
  return std::unique_ptr<Takeover>(new Takeover(std::move(impl)));
}

Takeover::Takeover(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Takeover::~Takeover() = default;

bool Takeover::is_lost() const {
  return impl_->is_lost;
}

control::HandoffState& Takeover::handoff_state() {
  return impl_->handoff;
}

Result<std::optional<net::ListeningSocket>> Takeover::take_admin_socket(const std::string& path) {
  auto socket = impl_->handoff.take(control::HandedSocket::Kind::admin);
  if (!socket.descriptor.is_open() || socket.what.name != path) return std::optional<net::ListeningSocket>();
  auto adopted = net::ListeningSocket::adopt(std::move(socket.descriptor));
  if (!adopted) return std::move(adopted).error();
  impl_->has_admin_socket = true;
  return std::optional<net::ListeningSocket>(*std::move(adopted));
}

namespace {

/// A process that takes everything back must find the same admin socket, and the state file that this process
/// has written.
bool wants_probation(const config::Server& settings, uint64_t version, bool same_admin_socket,
                     const std::string& its_state_file, Log& log) {
  if (settings.probation.time == Duration::zero()) return false;
  if (version < kProbation) {
    log.warning("no probation: the running process is of a release that knows none");
    return false;
  }
  if (same_admin_socket && its_state_file == settings.state_file) return true;
  log.warning("no probation: admin_socket or state_file are others than those of the running process");
  return false;
}

}  // namespace

Result<void> Takeover::complete(net::Loop& loop, control::Server& server) {
  Impl& impl = *impl_;
  const bool on_probation =
      wants_probation(server.config().server, impl.version, impl.has_admin_socket, impl.state_file, impl.log);
  impl.handoff = {};  // What was not taken is not kept open.
  impl.is_ready = true;
  impl.send(ReadyMessage{.listeners = server.shared_listeners(),
                         .admin = impl.has_admin_socket,
                         .room = server.connection_capacity(),
                         .probation = on_probation});
  loop.run_until([&] { return impl.is_ours || impl.error; }, kNoBound);
  if (impl.error) return *impl.error;
  if (!impl.is_ours)
    return Error{.code = ErrorCode::timed_out, .message = "the running process says nothing"};
  if (impl.reload_wanted) server.reload_on_signal();  // Done when it owns all.
  impl.server = &server;
  server.predecessors().set(impl.last);
  server.own(impl.stands_by && impl.channel ? listeners::Alone::no : listeners::Alone::yes);
  impl.take_arrived();
  impl.tell_of_changes();
  return {};
}

std::unique_ptr<Takeover> Takeover::come_back(Log& log, std::unique_ptr<net::MessageChannel> channel,
                                              control::Server& server,
                                              std::function<void(Result<void>)> on_done) {
  auto impl = std::make_unique<Impl>(log, std::move(channel));
  impl->going_on = &server;
  impl->on_back = std::move(on_done);
  impl->send(hello(true));
  return std::unique_ptr<Takeover>(new Takeover(std::move(impl)));
}

bool Takeover::is_over() const {
  return !impl_->channel;
}

std::optional<ErrorRate> Takeover::stands_by() const {
  return impl_->channel ? impl_->stands_by : std::nullopt;
}

void Takeover::on_stops(std::function<void(unsigned)> callback) {
  impl_->on_stops = std::move(callback);
  if (impl_->stops > 0) impl_->on_stops(impl_->stops);
}

void Takeover::on_over(std::function<void()> callback) {
  impl_->on_over = std::move(callback);
}

void Takeover::send_heartbeat(const observe::Account& account) {
  const observe::Events* const events = impl_->server->events();
  HeartbeatMessage beat{.generation = impl_->server->generation(),
                        .event = events == nullptr ? 0 : events->newest(),
                        .totals = impl_->server->own_totals(),
                        .in_flight = account.in_flight};
  beat.totals.accepted = account.accepted;
  beat.totals.ended = account.ended;
  if (!takeover_text(beat)) beat.totals.tallies.clear();  // It has to be sent in any case.
  impl_->send(beat);
}

void Takeover::send_verdict(Verdict verdict, const std::string& why) {
  impl_->send(VerdictMessage{verdict, why});
  if (verdict != Verdict::passed || !impl_->channel) return;
  impl_->stands_by.reset();
  impl_->last.stands_by = false;
  impl_->server->predecessors().set(impl_->last);
}

void Takeover::send_refused(const std::string& admin_socket, const Error& why) {
  auto connection = connect(admin_socket);
  const auto text = takeover_text(RefusedMessage{why.code, why.message});
  if (!connection || !text) return;
  net::Loop loop;  // Only now: this process may be short of descriptors, and has an error to print.
  net::SocketChannel(loop, *std::move(connection)).send(*text);
}

void Takeover::send_refused(const Error& why) {
  impl_->send(RefusedMessage{why.code, why.message});
}

}  // namespace sluice::takeover
