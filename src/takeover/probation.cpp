#include <sluice/base/text.h>
#include <sluice/takeover/probation.h>

#include <algorithm>
#include <utility>

namespace sluice::takeover {
namespace {

constexpr Duration kBeat{200};

}  // namespace

Probation::Probation(Executor& executor, Log& log, control::Server& server, Takeover& takeover,
                     std::function<void()> on_passed)
    : executor_(executor),
      log_(log),
      server_(server),
      takeover_(takeover),
      on_passed_(std::move(on_passed)),
      before_(takeover.stands_by().value_or(ErrorRate())),
      until_(server.now() + server.config().server.probation.time),
      next_look_([this] { look(); }),
      patience_([this] {
        rollback_failed(
            {.code = ErrorCode::timed_out, .message = "the process before this one has not come back"});
      }) {
  takeover_.on_over([this] { pass("the process before this one is gone"); });
  // The number of a generation that was acknowledged here must not mean another one at the predecessor.
  server_.on_generation([this] {
    if (!is_over_) takeover_.send_heartbeat(last_);
  });
  log_.info("on probation" + field("time_ms", server.config().server.probation.time.count()) +
            words(before_, "before_"));
  executor_.deadlines().arm(next_look_, Duration{1});
}

Probation::~Probation() {
  takeover_.on_over(nullptr);
  server_.on_generation(nullptr);
}

std::optional<Probation::Info> Probation::info() const {
  if (is_over_) return std::nullopt;
  return Info{.left = std::max(until_ - server_.now(), Duration::zero()),
              .before = before_,
              .now = error_rate_of(server_.own_totals())};
}

/// The heartbeat says that all workers have answered, so it waits for them.
void Probation::look() {
  if (is_over_) return;
  executor_.deadlines().arm(next_look_, kBeat);
  if (server_.is_stopping()) stop();
  if (!is_asking_workers_) {
    is_asking_workers_ = true;
    accounts_ = server_.ask_accounts([this](const std::vector<observe::Account>& accounts) {
      last_ = {};
      for (const auto& each : accounts) last_.add(each);
    });
    server_.ask_workers([this] {
      is_asking_workers_ = false;
      if (!is_over_) takeover_.send_heartbeat(last_);
    });
  }
  if (!is_stopping_) judge();
}

void Probation::judge() {
  if (patience_.is_armed()) return;
  const ErrorRate now = error_rate_of(server_.own_totals());
  if (is_worse(before_, now, server_.config().server.probation)) return ask("it answers worse");
  if (server_.now() >= until_) pass("the time is over");
}

void Probation::pass(std::string_view why) {
  if (std::exchange(is_over_, true)) return;
  next_look_.disarm();
  patience_.disarm();
  log_.info("probation passed" + field("cause", why) + figures());
  takeover_.send_verdict(Verdict::passed, std::string(why));
  server_.be_alone();
  done_.fire(Error{.code = ErrorCode::conflict, .message = "this process goes on"});
  on_passed_();
}

std::string Probation::figures() const {
  return words(error_rate_of(server_.own_totals())) + words(before_, "before_");
}

Result<void> Probation::keep() {
  if (is_over_ || is_stopping_) {
    return Error{.code = ErrorCode::conflict, .message = "this process is not on probation"};
  }
  if (is_asked_back_) {
    return Error{.code = ErrorCode::conflict, .message = "the process before this one is coming back"};
  }
  pass("asked for");
  return {};
}

Result<Wait> Probation::roll_back(const std::string& why, std::function<void(Result<int>)> on_done) {
  if (is_over_ || is_stopping_) {
    return Error{.code = ErrorCode::conflict,
                 .message = "this process is not on probation: there is none to go back to"};
  }
  if (done_.is_waited_for()) return Error{.code = ErrorCode::conflict, .message = "it is going back already"};
  Wait wait = done_.wait(std::move(on_done));
  if (!is_asked_back_) ask(why);
  return wait;
}

void Probation::ask(const std::string& why) {
  log_.warning("handing back" + field("cause", why) + figures());
  takeover_.send_verdict(Verdict::roll_back, concat({why, ":", figures()}));
  is_asked_back_ = true;
  executor_.deadlines().arm(patience_, server_.config().server.takeover_timeout);
}

/// It is judged anew once patience_ is over.
void Probation::rollback_failed(Error why) {
  if (is_over_ || !std::exchange(is_asked_back_, false)) return;
  log_.error("not handed back" + field("cause", why.message));
  done_.fire(std::move(why));
}

void Probation::rolled_back(int process) {
  if (std::exchange(is_over_, true)) return;
  next_look_.disarm();
  patience_.disarm();
  done_.fire(int{process});
}

void Probation::stop() {
  if (is_over_ || std::exchange(is_stopping_, true)) return;
  takeover_.send_verdict(Verdict::stopping, "stopping");
}

}  // namespace sluice::takeover
