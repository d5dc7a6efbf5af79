#include "admin/session.h"

#include <sluice/base/text.h>

#include <array>
#include <utility>

namespace sluice::admin {
namespace {

constexpr size_t kLongestLine = size_t{16} * 1024;
/// What a new process sends: from then on the connection follows another protocol.
constexpr std::string_view kTakeover = "takeover";

/// That the change failed would be wrong.
Error still_waiting(uint64_t made, const Error& error) {
  return {.code = ErrorCode::timed_out,
          .message = concat({"generation ", std::to_string(made),
                             " was made, but what was to be waited for has not come yet: ", error.message})};
}

}  // namespace

Error moved() {
  return {.code = ErrorCode::moved,
          .message = "another process has taken over: ask that one, on the same socket"};
}

Session::Session(Executor& executor, std::unique_ptr<net::Transport> transport, Context context,
                 Duration idle, std::function<void(Session&)> on_over)
    : executor_(executor),
      transport_(std::move(transport)),
      context_(std::move(context)),
      on_over_(std::move(on_over)),
      next_([this] { next_line(); }),
      idle_(idle),
      idle_too_long_([this] {
        cut({.code = ErrorCode::timed_out, .message = "the session was idle for too long, and ends"});
      }) {
  if (const auto peer = transport_->peer_process()) context_.asker = {peer->user, peer->process};
  note_progress();
  transport_->start_reading(*this);
}

/// A half sent line is none: one byte now and then would keep the place for ever.
void Session::note_progress() {
  last_progress_ = executor_.clock().now();
  executor_.deadlines().arm(idle_too_long_, idle_);
}

bool Session::is_idle() const {
  if (!busy_) return true;
  return stream_ ? is_stream_blocked_ : ended_ && transport_->has_broken();
}

void Session::cut(const Error& error) {
  if (!is_blocked_ && !is_stream_blocked_ && !ended_) {
    const bool loses = context_.draft.has_value();
    const std::string message = concat({error.message, loses ? "; without commit nothing was changed" : ""});
    answer(Reply::failed({.code = error.code, .message = message}));
  }
  on_over_(*this);
}

void Session::on_bytes(std::string_view bytes) {
  is_silent_ = false;
  input_.append(bytes);
  if (!busy_ && !is_blocked_) return next_line();
  if (input_.size() <= kLongestLine || std::exchange(reading_stopped_, true)) return;
  transport_->stop_reading();
}

/// A peer that only ended its own direction (`echo ... | socat`) still reads its answers.
void Session::on_end(Result<void> how) {
  ended_ = true;
  is_silent_ = false;
  if (!how) return on_over_(*this);
  if (busy_ || is_blocked_) return;
  refuse_the_rest();
  leave_when_sent();
}

/// Of a session that its peer has ended: what it has left open was not done, and the peer may not know.
void Session::refuse_the_rest() {
  const bool is_cut_short = input_.find_first_not_of(" \t\r") != std::string::npos;
  input_.clear();
  if (!is_cut_short && !context_.draft) return;
  std::string message = is_cut_short ? "the last line does not end in a newline: it was not done" : "";
  if (context_.draft) {
    message += concat({is_cut_short ? "; " : "", "the session ended without commit: nothing was changed"});
  }
  context_.draft.reset();
  answer(Reply::failed({.code = ErrorCode::usage, .message = std::move(message)}));
}

void Session::leave_when_sent() {
  if (transport_->pending_bytes() == 0) return on_over_(*this);
  writable_.cancel();
  writable_ = transport_->when_writable([this](const Result<void>&) { on_over_(*this); });
}

/// The answer to a command that still waits when this process stops serving.
Reply Session::interrupted(const Error& error) const {
  if (!made_) return Reply::failed(error);
  if (error.code != ErrorCode::moved || !can_go_on_) return Reply::failed(still_waiting(*made_, error));
  const std::string number = std::to_string(*made_);
  Reply reply = Reply::failed(
      {.code = ErrorCode::moved,
       .message =
           concat({"generation ", number,
                   " was made, and another process has taken over: to go on waiting ask that one, with the "
                   "same command, the time that is left in --wait, and --made ",
                   number})});
  reply.data["made"] = *made_;
  return reply;
}

void Session::end(const Error& error) {
  if (!busy_ && (is_blocked_ || !ended_ || !input_.empty())) {
    // Its next command may be on its way, or here and not read: without an answer its client would
    // not know what became of it.
    refusal_ = error;
    return;
  }
  if (std::exchange(busy_, false)) {
    wait_.cancel();
    if (stream_) end_stream();
    answer(interrupted(error));
  }
  ended_ = true;
  input_.clear();
  if (!is_blocked_) leave_when_sent();
}

void Session::turn_over() {
  auto connection = transport_->duplicate();
  if (!connection) return on_over_(*this);
  context_.handover->begin(*std::move(connection), std::exchange(input_, {}));
  on_over_(*this);
}

void Session::next_line() {
  while (!busy_ && !is_blocked_) {
    const auto end = input_.find('\n');
    if (end == std::string::npos) break;
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (line == kTakeover && context_.handover != nullptr) return turn_over();
    if (!line.empty()) run(line);
  }
  if (busy_ || is_blocked_) return;
  if (input_.size() > kLongestLine) {
    answer(Reply::failed({.code = ErrorCode::usage, .message = "a line over the limit"}));
    input_.clear();
    ended_ = true;
  }
  if (ended_) {
    refuse_the_rest();
    return leave_when_sent();
  }
  if (std::exchange(reading_stopped_, false)) transport_->start_reading(*this);
}

void Session::run(std::string_view line) {
  const bool stands_by = context_.server != nullptr && context_.server->is_suspended();
  if (stands_by && !refusal_) refusal_ = moved();
  if (refusal_) {
    json_ = line.find("--json") != std::string_view::npos;
    answer(Reply::failed(*refusal_));
    ended_ = true;
    return input_.clear();
  }
  auto command = parse_command(line);
  json_ = line.find("--json") != std::string_view::npos;
  if (!command) return answer(refuse_line(context_, std::move(command).error()));
  CommandResult outcome = execute(context_, *command, [this](const Reply& reply) {
    busy_ = waits_for_verdict_ = false;
    answer(reply);
    executor_.deadlines().arm(next_, Duration{1});  // Another process may be active from now on.
  });
  if (outcome.reply) return answer(*outcome.reply);
  busy_ = true;
  idle_too_long_.disarm();
  waits_for_verdict_ = outcome.waits_for_verdict;
  made_ = outcome.made;
  can_go_on_ = outcome.can_go_on;
  wait_ = std::move(outcome.wait);
  stream_ = std::move(outcome.stream);
  if (stream_) go_on_streaming();
}

/// No other process reports the last events of this one.
void Session::end_stream() {
  for (std::string text = stream_->take(json_); !text.empty(); text = stream_->take(json_)) {
    const std::array<std::string_view, 1> pieces = {text};
    transport_->write(pieces);
  }
  stream_.reset();
}

/// As fast as the peer reads.
void Session::go_on_streaming() {
  is_stream_blocked_ = false;
  idle_too_long_.disarm();
  while (true) {
    const std::string text = stream_->take(json_);
    if (text.empty()) break;
    const std::array<std::string_view, 1> pieces = {text};
    if (transport_->write(pieces) == net::Flow::open) continue;
    is_stream_blocked_ = true;
    note_progress();
    writable_ = transport_->when_writable([this](const Result<void>& how) {
      if (!how) return on_over_(*this);
      if (stream_) go_on_streaming();
    });
    return;
  }
  wait_ = stream_->when_more([this] { go_on_streaming(); });
}

void Session::answer(const Reply& reply) {
  const std::string text = json_ ? reply.json() : reply.text();
  const std::array<std::string_view, 1> pieces = {text};
  note_progress();
  if (transport_->write(pieces) == net::Flow::open) return;
  is_blocked_ = true;
  writable_ = transport_->when_writable([this](const Result<void>& how) {
    is_blocked_ = false;
    note_progress();
    if (!how) return on_over_(*this);
    if (!busy_) next_line();
  });
}

}  // namespace sluice::admin
