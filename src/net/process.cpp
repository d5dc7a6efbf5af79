#include <sluice/net/descriptor.h>
#include <sluice/net/process.h>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
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

std::string binary_of_this_process() {
  constexpr std::string_view kGone = " (deleted)";
  std::error_code failure;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", failure).string();
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return failure ? std::string() : path;
}

namespace {

/// Whether it is the file that this process runs.
bool is_this_program(const std::filesystem::path& path) {
  std::error_code failure;
  return std::filesystem::equivalent(path, "/proc/self/exe", failure) && !failure;
}

}  // namespace

std::string program_path(const std::string& started_as) {
  std::error_code failure;
  const auto absolute = [&](const std::filesystem::path& path) {
    return std::filesystem::absolute(path, failure).string();
  };
  if (started_as.find('/') != std::string::npos) {
    if (is_this_program(started_as)) return absolute(started_as);
  } else if (const char* path = std::getenv("PATH"); path != nullptr && !started_as.empty()) {
    for (std::string_view left = path; !left.empty();) {
      const auto end = std::min(left.find(':'), left.size());
      const auto candidate = std::filesystem::path(left.substr(0, end)) / started_as;
      if (is_this_program(candidate)) return absolute(candidate);
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  return binary_of_this_process();
}

void wait_until_ended(int process, Duration bound) {
  if (process <= 0) return;
  const Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!handle.is_open()) return;
  pollfd entry{.fd = handle.get(), .events = POLLIN, .revents = 0};
  static_cast<void>(::poll(&entry, 1, static_cast<int>(bound.count())));
}

}  // namespace sluice::net
