#include "process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace sluice::e2e {

bool eventually(const std::function<bool()>& condition, milliseconds bound) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

DescriptorLimit::DescriptorLimit(rlim_t limit) {
  if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("getrlimit");
  rlimit now = before_;
  now.rlim_cur = std::min(limit, before_.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &now) != 0) throw std::runtime_error("setrlimit");
}

DescriptorLimit::~DescriptorLimit() {
  ::setrlimit(RLIMIT_NOFILE, &before_);
}

bool under_sanitizer() {
  return std::getenv("SLUICE_UNDER_SANITIZER") != nullptr;
}

TempDir::TempDir() {
  std::string path = "/tmp/sluice-e2e-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = path;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

namespace {

/// In the child: its descriptors from 3 on, and the variables that tell of them.
void inherit(const Inheritance& given) {
  for (const auto& [name, value] : given.variables) setenv(name.c_str(), value.c_str(), 1);
  if (given.descriptors.empty()) return;
  std::vector<int> copies;  // Out of the way first: they may stand in each other's places.
  std::string names;
  for (const auto& [name, number] : given.descriptors) {
    copies.push_back(fcntl(number, F_DUPFD_CLOEXEC, 100));
    names += (names.empty() ? "" : ":") + name;
  }
  for (size_t i = 0; i < copies.size(); ++i) dup2(copies[i], 3 + static_cast<int>(i));
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", std::to_string(copies.size()).c_str(), 1);
  setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, std::string output_path, const Inheritance& given)
    : output_path_(std::move(output_path)) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int output = open(output_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  inherit(given);
  execvp(argv[0], argv.data());
  _exit(127);
}

Child::~Child() {
  const bool runs = is_running();
  kill(-pid_, SIGKILL);  // Those that it started, too: a process that took over from it.
  if (!runs) return;
  send_signal(SIGKILL);  // It may not have come to have a group yet.
  waitpid(pid_, nullptr, 0);
}

bool Child::is_running() {
  return !wait(0ms);
}

void Child::send_signal(int signal_number) const {
  if (!exit_code_) kill(pid_, signal_number);
}

std::optional<int> Child::wait(milliseconds bound) {
  eventually(
      [this] {
        if (exit_code_) return true;
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return true;
      },
      bound);
  return exit_code_;
}

size_t Child::descriptors() const {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd")) {
    ++count;
  }
  return count;
}

size_t Child::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

Finished run(const std::vector<std::string>& arguments, milliseconds bound) {
  const TempDir directory;
  Child child(arguments, directory.path("output"));
  const auto code = child.wait(bound);
  return {.exit_code = code.value_or(-1), .output = child.output()};
}

}  // namespace sluice::e2e
