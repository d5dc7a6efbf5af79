// Child processes: started, awaited, signalled, let go.
#include <sluice/net/process.h>

#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::kLong;

std::unique_ptr<Process> start(Loop& loop, const std::string& script) {
  auto process = Process::start(loop, {"sh", "-c", script});
  REQUIRE(process);
  return *std::move(process);
}

/// True once no such process is left, not even as a zombie.
bool is_gone(int pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

TEST_CASE("a child's exit code is told, in a later turn also when it has ended before") {
  Loop loop;
  const auto process = start(loop, "exit 3");
  CHECK(process->pid() > 0);
  CHECK(process->is_running());
  std::optional<ExitStatus> status;
  Wait wait = process->when_ended([&](ExitStatus how) { status = how; });
  CHECK(loop.run_until([&] { return status.has_value(); }, kLong));
  CHECK(status->code == 3);
  CHECK(status->signal == 0);
  CHECK_FALSE(process->is_running());

  status.reset();
  wait = process->when_ended([&](ExitStatus how) { status = how; });
  CHECK_FALSE(status);
  CHECK(loop.run_until([&] { return status.has_value(); }, kLong));
  CHECK(status->code == 3);
  process->send_signal(SIGTERM);  // No process is left to get it.
}

TEST_CASE("a child that a signal ends says which") {
  Loop loop;
  const auto process = start(loop, "exec sleep 100");
  process->send_signal(SIGTERM);
  std::optional<ExitStatus> status;
  const Wait wait = process->when_ended([&](ExitStatus how) { status = how; });
  CHECK(loop.run_until([&] { return status.has_value(); }, kLong));
  CHECK(status->signal == SIGTERM);
}

TEST_CASE("a program that is not there is an error that names it") {
  Loop loop;
  const auto process = Process::start(loop, {"no-such-program-anywhere"});
  REQUIRE_FALSE(process);
  CHECK(process.error().code == ErrorCode::not_found);
  CHECK(process.error().message == "cannot start no-such-program-anywhere: no such file or directory");
}

TEST_CASE("a child inherits no descriptor of ours but 0, 1 and 2, and its signals are as new") {
  Loop loop;
  const auto listening = test::listen();
  const auto process = start(loop, "test ! -e /proc/self/fd/" + std::to_string(listening.descriptor()) +
                                       " && grep -q '^SigIgn:.*0000$' /proc/self/status");
  std::optional<ExitStatus> status;
  const Wait wait = process->when_ended([&](ExitStatus how) { status = how; });
  CHECK(loop.run_until([&] { return status.has_value(); }, kLong));
  CHECK(status->code == 0);
}

TEST_CASE("the callback may destroy the process") {
  Loop loop;
  auto process = start(loop, "exit 0");
  const Wait wait = process->when_ended([&](ExitStatus) { process.reset(); });
  CHECK(loop.run_until([&] { return !process; }, kLong));
}

TEST_CASE("a child that is let go runs on, and leaves no zombie when it ends") {
  Loop loop;
  auto process = start(loop, "exec sleep 100");
  const int pid = process->pid();
  const Wait wait = process->when_ended([](ExitStatus) { FAIL("nobody waits any more"); });
  process.reset();
  CHECK_FALSE(wait);
  loop.run_until([] { return false; }, test::kShort);
  CHECK_FALSE(is_gone(pid));
  ::kill(pid, SIGKILL);
  CHECK(loop.run_until([&] { return is_gone(pid); }, kLong));
}

TEST_CASE("a loop may go while a child that was let go still runs") {
  int pid = 0;
  {
    Loop loop;
    auto process = start(loop, "exec sleep 100");
    pid = process->pid();
    process.reset();
  }
  CHECK_FALSE(is_gone(pid));
  ::kill(pid, SIGKILL);
  CHECK(::waitpid(pid, nullptr, 0) == pid);
}

}  // namespace
}  // namespace sluice::net
