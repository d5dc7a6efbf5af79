#include <sluice/base/text.h>
#include <sluice/lifecycle/takeover.h>
#include <sluice/net/fd_passing.h>

#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "lifecycle/estate.h"

namespace sluice::lifecycle {
namespace {

/// The admin protocol's line that turns a connection over to messages.
constexpr std::string_view kLine = "takeover\n";
/// That the old process answers when we are ready is its to bound: it goes on then, and says so. Were it for
/// us to give up, both might stop.
constexpr Duration kNoBound = std::chrono::hours(24);

Result<net::Descriptor> connect(const std::string& admin_socket) {
  auto connection = net::connect_local(admin_socket);
  if (!connection) {
    return Error{.code = ErrorCode::unreachable, .message = std::move(connection).error().message};
  }
  if (::send(connection->get(), kLine.data(), kLine.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kLine.size())) {
    return Error{.code = ErrorCode::unreachable, .message = concat({admin_socket, " takes no commands"})};
  }
  return connection;
}

}  // namespace

struct Takeover::Impl final : net::MessageReader {
  /// Connections, as they came.
  struct Batch {
    std::vector<proxy::ConnectionRecord> records;
    std::vector<net::Descriptor> descriptors;
  };

  Impl(net::Loop& the_loop, Log& the_log, net::Descriptor connection)
      : loop(the_loop), log(the_log), channel(std::in_place, the_loop, std::move(connection)) {
    channel->start_reading(*this);
  }

  void on_message(net::Message message) override {
    auto parsed = parse_takeover(message.text);
    if (!parsed) return fail(std::move(parsed).error());
    if (auto* sockets = std::get_if<SocketsMessage>(&*parsed)) {
      return take_sockets(std::move(sockets->sockets), std::move(message.descriptors));
    }
    if (auto* state = std::get_if<StateMessage>(&*parsed)) {
      estate.state = std::move(*state);
      process = estate.state.process;
      version = estate.state.version;
      is_complete = true;
      if (on_back) say_ready_again();
    } else if (const auto* yours = std::get_if<YoursMessage>(&*parsed)) {
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

  void take_sockets(std::vector<PassedSocket> sockets, std::vector<net::Descriptor> descriptors) {
    if (sockets.size() != descriptors.size()) {
      return fail({.code = ErrorCode::malformed, .message = "sockets came without their descriptors"});
    }
    for (size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].kind == PassedSocket::Kind::state_lock) state_file = sockets[i].name;
      estate.sockets.push_back({std::move(sockets[i]), std::move(descriptors[i])});
    }
  }

  /// Says which it takes before a byte is read from any of them: the others are the old process's, and so are
  /// all when it never hears of it. Nobody hears of it when that one has ended: then there is nobody else.
  void take_arrived() {
    for (auto& batch : std::exchange(arrived, {})) {
      TakenMessage answer;
      auto taken = choose(std::move(batch), answer);
      send(answer);
      for (auto& connection : taken) server->take(std::move(connection));
    }
  }

  std::vector<proxy::MovedConnection> choose(Batch batch, TakenMessage& answer) const {
    auto connections = matched(std::move(batch));
    size_t room = server->room_for_clients();
    std::vector<proxy::MovedConnection> taken;
    for (size_t i = 0; i < connections.size(); ++i) {
      auto& connection = connections[i];
      if (connection.client.is_open() && connection.descriptors() <= room &&
          server->may_take(connection.record)) {
        room -= connection.descriptors();
        taken.push_back(std::move(connection));
      } else {
        answer.refused.push_back(i);
      }
    }
    answer.room = room;
    return taken;
  }

  /// Each with its descriptors. One without them is nothing to go on with.
  static std::vector<proxy::MovedConnection> matched(Batch batch) {
    std::vector<proxy::MovedConnection> connections;
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

  /// The first one is the word that all is ours.
  void hear(const YoursMessage& yours) {
    const bool is_first = !std::exchange(is_ours, true);
    if (is_first) stands_by = yours.stands_by;
    last = {.process = process,
            .stands_by = stands_by.has_value(),
            .totals = yours.totals,
            .before_it = yours.predecessors};
    if (is_first && on_back) {
      server = going_on;
      server->come_back(estate);
      tell_of_changes();
    }
    if (server != nullptr) server->predecessors().set(last);
    if (yours.reload) reload_wanted = true;
    stops = yours.stops;
    if (stops > 0 && on_stops) on_stops(stops);
    if (yours.reload && on_back) server->reload_on_signal();
    if (is_first && on_back) on_back({});
  }

  /// Nothing is opened here: what it will accept on it has kept, but for what the other one has instead.
  void say_ready_again() {
    going_on->borrow_listeners(estate);
    estate.sockets.clear();
    send(ReadyMessage{
        .listeners = going_on->kept_listeners(), .admin = true, .room = going_on->room_for_clients()});
  }

  void on_end(Error why) override {
    if (!is_ours && (!is_ready || on_back)) return fail(std::move(why));
    if (!std::exchange(is_ours, true)) {
      // It would have refused if it went on.
      log.warning("the running process has ended in the middle of the takeover" + field("pid", process));
      last.process = process;
    }
    channel.reset();
    told_of_changes.reset();
    last.is_draining = false;
    last.before_it = 0;
    last.totals.connections = 0;
    last.stands_by = false;
    if (server != nullptr) server->predecessors().set(last);
    const bool handed_back = stands_by && server != nullptr && server->is_stopping();
    if (!handed_back) log.info("the process before this one is gone" + field("pid", process));
    if (on_over) on_over();
  }

  void fail(Error why) {
    if (is_ours) return;  // What it reports on its way out is not worth more than a silence.
    error = std::move(why);
    channel.reset();
    if (!on_back) return;
    estate.sockets.clear();
    going_on->borrow_listeners(estate);
    on_back(*error);
  }

  /// Releases before know nothing of that.
  void tell_of_changes() {
    if (version < kProbation || !channel) return;
    told_of_changes =
        server->on_changes([this](const SavedState& changes) { send(ChangesMessage{changes}); });
  }

  void send(const TakeoverMessage& message) {
    const auto text = takeover_text(message);
    if (text && channel) channel->send(*text);
    if (!text) fail(text.error());
  }

  net::Loop& loop;
  Log& log;
  std::optional<net::MessageChannel> channel;
  Server* server = nullptr;
  Estate estate;
  bool has_admin_socket = false;  // taken
  std::string state_file;         // of the running process
  bool is_complete = false;       // the estate
  bool is_ready = false;
  bool is_ours = false;
  bool reload_wanted = false;  // of the process before this one, in the middle of the takeover
  std::optional<Error> error;
  int process = 0;
  uint64_t version = 0;
  Predecessor last;
  std::vector<Batch> arrived;  // while there is no server for them yet
  std::optional<Figures> stands_by;
  Server::Follower told_of_changes;  // the other process is, until it is gone
  unsigned stops = 0;                // of the process that stands by
  std::function<void(unsigned)> on_stops;
  std::function<void()> on_over;
  Server* going_on = nullptr;  // which comes back, and has been there all the time
  std::function<void(Result<void>)> on_back;
};

Result<std::unique_ptr<Takeover>> Takeover::ask(net::Loop& loop, Log& log, const std::string& admin_socket,
                                                Duration bound) {
  auto connection = connect(admin_socket);
  if (!connection) return std::move(connection).error();
  auto impl = std::make_unique<Impl>(loop, log, *std::move(connection));
  impl->send(HelloMessage{.sluice = SLUICE_VERSION, .process = ::getpid()});
  if (!loop.run_until([&] { return impl->is_complete || impl->error; }, bound)) {
    return Error{.code = ErrorCode::timed_out,
                 .message = "the running process did not hand out its listeners in time"};
  }
  if (impl->error) return *std::move(impl->error);
  return std::unique_ptr<Takeover>(new Takeover(std::move(impl)));
}

Takeover::Takeover(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Takeover::~Takeover() = default;

Estate& Takeover::estate() {
  return impl_->estate;
}

Result<std::optional<net::ListeningSocket>> Takeover::take_admin_socket(const std::string& path) {
  auto socket = impl_->estate.take(PassedSocket::Kind::admin);
  if (!socket.descriptor.is_open() || socket.what.name != path) return std::optional<net::ListeningSocket>();
  auto adopted = net::ListeningSocket::adopt(std::move(socket.descriptor));
  if (!adopted) return std::move(adopted).error();
  impl_->has_admin_socket = true;
  return std::optional<net::ListeningSocket>(*std::move(adopted));
}

namespace {

/// Whoever takes all back finds the same admin socket, and the state file that this process has written.
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

Result<void> Takeover::complete(Server& server) {
  Impl& impl = *impl_;
  const bool on_probation = wants_probation(server.config().server, impl.estate.state.version,
                                            impl.has_admin_socket, impl.state_file, impl.log);
  impl.estate = {};  // What nobody has taken is not kept open.
  impl.is_ready = true;
  impl.send(ReadyMessage{.listeners = server.shared_listeners(),
                         .admin = impl.has_admin_socket,
                         .room = server.room_for_clients(),
                         .probation = on_probation});
  impl.loop.run_until([&] { return impl.is_ours || impl.error; }, kNoBound);
  if (impl.error) return *impl.error;
  if (!impl.is_ours)
    return Error{.code = ErrorCode::timed_out, .message = "the running process says nothing"};
  if (impl.reload_wanted) server.reload_on_signal();  // Done when it owns all.
  impl.server = &server;
  server.predecessors().set(impl.last);
  server.own(impl.stands_by && impl.channel ? Server::Alone::no : Server::Alone::yes);
  impl.take_arrived();
  impl.tell_of_changes();
  return {};
}

Result<std::unique_ptr<Takeover>> Takeover::come_back(net::Loop& loop, Log& log,
                                                      const std::string& admin_socket, Server& server,
                                                      std::function<void(Result<void>)> on_done) {
  auto connection = connect(admin_socket);
  if (!connection) return std::move(connection).error();
  auto impl = std::make_unique<Impl>(loop, log, *std::move(connection));
  impl->going_on = &server;
  impl->on_back = std::move(on_done);
  impl->send(HelloMessage{.sluice = SLUICE_VERSION, .process = ::getpid(), .comes_back = true});
  return std::unique_ptr<Takeover>(new Takeover(std::move(impl)));
}

bool Takeover::is_over() const {
  return !impl_->channel;
}

std::optional<Figures> Takeover::stands_by() const {
  return impl_->channel ? impl_->stands_by : std::nullopt;
}

void Takeover::on_stops(std::function<void(unsigned)> callback) {
  impl_->on_stops = std::move(callback);
  if (impl_->stops > 0) impl_->on_stops(impl_->stops);
}

void Takeover::on_over(std::function<void()> callback) {
  impl_->on_over = std::move(callback);
}

void Takeover::say_beat(const observe::Account& account) {
  const observe::Events* const events = impl_->server->events();
  BeatMessage beat{.generation = impl_->server->generation(),
                   .event = events == nullptr ? 0 : events->newest(),
                   .totals = impl_->server->own_totals(),
                   .in_flight = account.in_flight};
  beat.totals.accepted = account.accepted;
  beat.totals.ended = account.ended;
  if (!takeover_text(beat)) beat.totals.tallies.clear();  // It has to be heard in any case.
  impl_->send(beat);
}

void Takeover::say_verdict(Verdict verdict, const std::string& why) {
  impl_->send(VerdictMessage{verdict, why});
  if (verdict != Verdict::passed || !impl_->channel) return;
  impl_->stands_by.reset();
  impl_->last.stands_by = false;
  impl_->server->predecessors().set(impl_->last);
}

void Takeover::decline(const std::string& admin_socket, const Error& why) {
  auto connection = connect(admin_socket);
  const auto text = takeover_text(RefusedMessage{why.code, why.message});
  if (!connection || !text) return;
  net::Loop loop;
  net::MessageChannel(loop, *std::move(connection)).send(*text);
}

void Takeover::decline(const Error& why) {
  impl_->send(RefusedMessage{why.code, why.message});
}

}  // namespace sluice::lifecycle
