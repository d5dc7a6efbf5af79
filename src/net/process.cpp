#include <sluice/net/later.h>
#include <sluice/net/process.h>

#include <array>
#include <utility>

#include "net/errors.h"
#include "net/handle.h"

namespace sluice::net {

struct Process::Impl {
  explicit Impl(Loop& loop_used)
      : loop(loop_used), later(this, [](void* self) {
          auto& impl = *static_cast<Impl*>(self);
          impl.ended.fire(impl.status);
        }) {}
  ~Impl() {
    if (!is_running) return;
    // The handle stays with the loop, which goes on waiting for the child so that it leaves no zombie.
    uv_unref(handle.abandon());
  }

  int spawn(const std::vector<std::string>& arguments);
  static void on_exit(uv_process_t* raw, int64_t code, int signal_number);

  Loop& loop;
  Handle<uv_process_t> handle;
  int pid = 0;
  bool is_running = false;
  ExitStatus status;
  Pending<ExitStatus> ended;
  Later later;
};

int Process::Impl::spawn(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array<uv_stdio_container_t, 3> stdio;
  for (int i = 0; i < 3; ++i) {
    stdio[static_cast<size_t>(i)].flags = UV_INHERIT_FD;
    stdio[static_cast<size_t>(i)].data.fd = i;
  }
  uv_process_options_t options{};
  options.file = argv[0];
  options.args = argv.data();
  options.stdio = stdio.data();
  options.stdio_count = static_cast<int>(stdio.size());
  options.exit_cb = on_exit;
  const int result = uv_spawn(loop.raw(), handle.get(), &options);
  handle.initialised(this);  // Even a failed spawn leaves a handle to close.
  if (result != 0) return result;
  pid = uv_process_get_pid(handle.get());
  is_running = true;
  return 0;
}

void Process::Impl::on_exit(uv_process_t* raw, int64_t code, int signal_number) {
  auto* self = owner_of<Impl>(raw);
  if (self == nullptr) {
    uv_close(reinterpret_cast<uv_handle_t*>(raw), Handle<uv_process_t>::free_struct);
    return;
  }
  self->status = {.code = static_cast<int>(code), .signal = signal_number};
  self->is_running = false;
  self->handle.close();
  self->ended.fire(self->status);
}

Result<std::unique_ptr<Process>> Process::start(Loop& loop, const std::vector<std::string>& arguments) {
  CHECK(!arguments.empty());
  auto impl = std::make_unique<Impl>(loop);
  const int result = impl->spawn(arguments);
  if (result == 0) return std::unique_ptr<Process>(new Process(std::move(impl)));
  Error error = error_of("cannot start " + arguments[0], result);
  if (result == UV_ENOENT) error.code = ErrorCode::not_found;
  return error;
}

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Process::~Process() = default;

int Process::pid() const {
  return impl_->pid;
}

bool Process::is_running() const {
  return impl_->is_running;
}

void Process::send_signal(int signal_number) {
  // Not once it has ended: its number may be another's by then.
  if (impl_->is_running) uv_process_kill(impl_->handle.get(), signal_number);
}

Wait Process::when_ended(std::function<void(ExitStatus)> callback) {
  if (!impl_->is_running) impl_->loop.run_later(impl_->later);
  return impl_->ended.wait(std::move(callback));
}

}  // namespace sluice::net
