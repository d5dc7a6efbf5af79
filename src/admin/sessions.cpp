#include "admin/sessions.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <utility>

namespace sluice::admin {
namespace {

constexpr Duration kTellAgain{60'000};

}  // namespace

Sessions::Sessions(Executor& executor, Log& log, SessionLimits limits, std::function<void()> on_full,
                   std::function<void()> on_room)
    : executor_(executor),
      log_(log),
      limits_(limits),
      on_full_(std::move(on_full)),
      on_room_(std::move(on_room)) {}

void Sessions::add(std::unique_ptr<net::Transport> transport, Context context) {
  context.may_wait = [this] { return may_wait(); };
  sessions_.push_back(std::make_unique<Session>(executor_, std::move(transport), std::move(context),
                                                limits_.idle, [this](Session& session) { remove(session); }));
  make_room();
}

void Sessions::remove(Session& session) {
  const auto is_it = [&](const auto& other) { return other.get() == &session; };
  const auto found = std::ranges::find_if(sessions_, is_it);
  const auto ended = std::move(*found);  // Destroyed last: it is calling us.
  sessions_.erase(found);
  if (sessions_.size() < limits_.most + limits_.spare) on_room_();
}

Session* Sessions::idle_for_longest() const {
  Session* longest = nullptr;
  for (const auto& session : sessions_) {
    if (!session->is_idle()) continue;
    if (longest == nullptr || session->idle_since() < longest->idle_since()) longest = session.get();
  }
  return longest;
}

void Sessions::make_room() {
  while (sessions_.size() > limits_.most) {
    Session* const longest = idle_for_longest();
    if (longest == nullptr) {
      tell("the admin socket's sessions all wait for something: end some", nullptr);
      break;
    }
    const Duration idle = executor_.clock().now() - longest->idle_since();
    if (idle < limits_.at_least) {
      executor_.deadlines().arm(look_again_, limits_.at_least - idle);
      break;
    }
    ++cut_;
    tell("too many sessions on the admin socket: the session that was idle for longest makes room", longest);
    longest->cut({.code = ErrorCode::failed,
                  .message = "too many sessions on the admin socket: this one was idle for longest"});
  }
  if (sessions_.size() >= limits_.most + limits_.spare) on_full_();
}

/// Once a minute: a client that leaks sessions keeps doing it.
void Sessions::tell(std::string_view what, const Session* session) {
  const TimePoint now = executor_.clock().now();
  if (std::exchange(has_told_, true) && now - told_at_ < kTellAgain) return;
  told_at_ = now;
  std::string line = std::string(what) + field("sessions", static_cast<long long>(sessions_.size())) +
                     field("ended", static_cast<long long>(std::exchange(cut_, 0)));
  if (session != nullptr) line += words(session->asker());
  log_.warning(line);
}

bool Sessions::may_wait() const {
  const auto waits = [](const auto& session) { return !session->is_idle(); };
  return static_cast<size_t>(std::ranges::count_if(sessions_, waits)) < limits_.most;
}

void Sessions::end(bool (*which)(const Session&), const Error& error) {
  std::vector<Session*> ending;
  for (const auto& session : sessions_) {
    if (which(*session)) ending.push_back(session.get());
  }
  for (Session* session : ending) session->end(error);  // Each ends itself at most.
}

bool Sessions::has_pending_clients() const {
  return std::ranges::any_of(sessions_, [](const auto& session) { return session->has_pending_clients(); });
}

}  // namespace sluice::admin
