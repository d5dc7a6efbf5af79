#include <sluice/base/check.h>
#include <sluice/net/loop.h>
#include <sluice/net/signals.h>

#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "net/handle.h"
#include "net/later_turn.h"

namespace sluice::net {
namespace {

using Task = std::function<void()>;

/// libuv's cached time. Between runs the loop does not refresh it, so now() does.
class LoopClock final : public Clock {
 public:
  explicit LoopClock(uv_loop_t& loop) : loop_(loop) {}
  TimePoint now() const override {
    if (!is_running) uv_update_time(&loop_);
    return TimePoint(Duration(static_cast<int64_t>(uv_now(&loop_))));
  }

  bool is_running = false;

 private:
  uv_loop_t& loop_;
};

}  // namespace

struct Loop::Impl {
  Impl();
  void end();

  void run(uv_run_mode mode) {
    clock.is_running = true;
    uv_run(&loop, mode);
    clock.is_running = false;
  }

  void run_posted();
  void drop_posted();
  void start_timer(TimePoint when) const;

  uv_loop_t loop;
  int init_status = uv_loop_init(&loop);
  LoopClock clock{loop};
  Deadlines deadlines{clock};
  LaterTurn later{&loop};
  Handle<uv_async_t> posted;
  Handle<uv_timer_t> timer;
  std::mutex mutex;
  std::vector<Task> tasks;    // guarded by mutex
  std::vector<Task> running;  // keeps its capacity from turn to turn
  std::array<char, size_t{64} * 1024> scratch;
};

Loop::Impl::Impl() {
  CHECK(init_status == 0);
  Signals::ignore_broken_pipes();  // Where there is a loop, a broken connection is an error and nothing more.
  const auto on_posted = [](uv_async_t* raw) {
    if (auto* self = owner_of<Impl>(raw)) self->run_posted();
  };
  CHECK(uv_async_init(&loop, posted.get(), on_posted) == 0);
  posted.initialised(this);
  CHECK(uv_timer_init(&loop, timer.get()) == 0);
  timer.initialised(this);
  deadlines.on_earlier([this](TimePoint when) { start_timer(when); });
}

/// A child that outlived its Process closes here; anything else must be closing already.
void close_orphan(uv_handle_t* handle, void*) {
  if (uv_is_closing(handle)) return;
  CHECK(handle->type == UV_PROCESS && handle->data == nullptr);
  uv_close(handle, Handle<uv_process_t>::free_struct);
}

void Loop::Impl::end() {
  drop_posted();
  while (!later.empty()) run(UV_RUN_NOWAIT);  // What was cancelled after it was put there frees itself.
  later.close();
  posted.close();
  timer.close();
  uv_walk(&loop, close_orphan, nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}

void Loop::Impl::run_posted() {
  {
    const std::lock_guard lock(mutex);
    running.swap(tasks);
  }
  for (Task& task : running) std::exchange(task, nullptr)();
  running.clear();
}

/// What a dropped task owned may post again while it is destroyed.
void Loop::Impl::drop_posted() {
  while (true) {
    std::vector<Task> dropped;
    {
      const std::lock_guard lock(mutex);
      dropped.swap(tasks);
    }
    if (dropped.empty()) return;
  }
}

void Loop::Impl::start_timer(TimePoint when) const {
  const TimePoint now = clock.now();
  const uint64_t wait = when > now ? static_cast<uint64_t>((when - now).count()) : 0;
  const auto on_timer = [](uv_timer_t* raw) {
    if (auto* self = owner_of<Impl>(raw)) self->deadlines.expire();
  };
  CHECK(uv_timer_start(timer.get(), on_timer, wait, 0) == 0);
}

Loop::Loop() : Loop(std::make_unique<Impl>()) {}

Loop::Loop(std::unique_ptr<Impl> impl)
    : Executor(impl->deadlines), Network(static_cast<Executor&>(*this)), impl_(std::move(impl)) {}

Loop::~Loop() {
  impl_->end();
}

void Loop::run() {
  impl_->run(UV_RUN_DEFAULT);  // The handle of post() keeps it alive until stop().
}

bool Loop::run_until(const std::function<bool()>& done, Duration bound) {
  // `done` may look at what other threads or processes do, which no event reports.
  constexpr Duration kLook{5};
  Deadlines& deadlines = impl_->deadlines;
  bool late = false;
  const auto be_late = [&late] { late = true; };
  Deadline end(be_late);
  Deadline look;
  const auto look_again = [&] { deadlines.arm(look, kLook); };
  look.set_callback(look_again);
  deadlines.arm(end, bound);
  look_again();
  bool is_done = done();
  while (!is_done && !late) {
    impl_->run(UV_RUN_ONCE);
    is_done = done();
  }
  return is_done;
}

void Loop::stop() {
  uv_stop(&impl_->loop);
}

void Loop::post(Task task) {
  const std::lock_guard lock(impl_->mutex);
  impl_->tasks.push_back(std::move(task));
  // One wake-up is enough for all that is posted before the loop takes it. Sent under the lock: else
  // a task could end the loop first, and the wake-up would come after it.
  if (impl_->tasks.size() == 1) uv_async_send(impl_->posted.get());
}

std::span<char> Loop::scratch() {
  return impl_->scratch;
}

uv_loop_s* Loop::raw() {
  return &impl_->loop;
}

void Loop::run_later(Later& later) {
  impl_->later.add(later);
}

}  // namespace sluice::net
