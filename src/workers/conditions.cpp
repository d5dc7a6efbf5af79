#include <sluice/workers/conditions.h>

#include <utility>

namespace sluice::workers {
namespace {

constexpr Duration kLook{5};

}  // namespace

struct Conditions::Waiting {
  std::function<bool()> condition;
  TimePoint until;
  bool cancelled = false;
  Pending<bool> pending{[this] { cancelled = true; }};
};

Conditions::Conditions(Deadlines& deadlines) : deadlines_(deadlines), next_look_([this] { look(); }) {}

Conditions::~Conditions() = default;

Wait Conditions::when(std::function<bool()> condition, Duration bound, std::function<void(bool)> callback) {
  waiting_.push_back(std::make_unique<Waiting>());
  Waiting& waiting = *waiting_.back();
  waiting.condition = std::move(condition);
  waiting.until = deadlines_.clock().now() + bound;
  // The first look comes in the next turn: a condition that holds already is reported at once.
  deadlines_.arm(next_look_, Duration{1});
  return waiting.pending.wait(std::move(callback));
}

void Conditions::look() {
  // A callback may add waits; those are looked at next time. Nothing is touched of one that has fired.
  std::vector<std::unique_ptr<Waiting>> now = std::exchange(waiting_, {});
  for (auto& waiting : now) {
    if (waiting->cancelled) continue;
    const bool holds = waiting->condition();
    if (!holds && deadlines_.clock().now() < waiting->until) {
      waiting_.push_back(std::move(waiting));
      continue;
    }
    waiting->pending.fire(bool{holds});
  }
  if (!waiting_.empty()) deadlines_.arm(next_look_, kLook);
}

}  // namespace sluice::workers
