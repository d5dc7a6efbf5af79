#include <sluice/observe/log_writer.h>

#include <algorithm>
#include <cstdlib>

#include "observe/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

class LogFile {
 public:
  std::string path(const std::string& name = "log") const { return folder_.path(name); }

  std::unique_ptr<LogWriter> open(LogLevel level = LogLevel::info, size_t most_lines = 8192) const {
    auto writer = LogWriter::open(level, LogFormat::text, path(), most_lines);
    REQUIRE(writer);
    return *std::move(writer);
  }

  /// The lines so far, without their times.
  std::vector<std::string> lines(const std::string& name = "log") const {
    auto lines = lines_of(read_file(path(name)));
    for (auto& line : lines) line.erase(0, line.find(' ') + 1);
    return lines;
  }
  /// The same once there are `count`.
  std::vector<std::string> wait_for_lines(size_t count, const std::string& name = "log") const {
    wait_until([&] { return lines(name).size() >= count; });
    return lines(name);
  }

 private:
  TempFolder folder_;
};

using Lines = std::vector<std::string>;

TEST_CASE("lines are in the file, in order, once the writer is gone, and a new writer appends") {
  const LogFile file;
  {
    const auto log = file.open();
    log->info("one");
    log->warning("two" + field("key", "a b"));
  }
  file.open()->error("three");
  CHECK(file.lines() == Lines{"info one", "warning two key=\"a b\"", "error three"});
}

TEST_CASE("a line is written without waiting for the next or for the end") {
  const LogFile file;
  const auto log = file.open();
  log->info("one");
  CHECK(file.wait_for_lines(1) == Lines{"info one"});
  log->info("two");
  CHECK(file.wait_for_lines(2).size() == 2);
}

TEST_CASE("other settings hold from the line on that comes after them, however fast they follow") {
  const LogFile file;
  const auto log = file.open();
  for (int i = 0; i < 20; ++i) {
    log->info("to the first");
    auto second = LogWriter::prepare(LogLevel::warning, LogFormat::json, file.path("second"));
    REQUIRE(second);
    log->use(*std::move(second));
    log->info("too little");
    log->warning("to the second");
    auto first = LogWriter::prepare(LogLevel::info, LogFormat::text, file.path());
    REQUIRE(first);
    log->use(*std::move(first));
  }
  CHECK(file.wait_for_lines(20) == Lines(20, "info to the first"));
  const auto lines = file.wait_for_lines(20, "second");
  CHECK(lines.size() == 20);
  for (const auto& line : lines_of(read_file(file.path("second")))) {
    CHECK(line.find("\"level\":\"warning\",\"event\":\"to the second\",\"fields\":{}}") != std::string::npos);
  }
  CHECK(!LogWriter::prepare(LogLevel::info, LogFormat::text, file.path("nowhere/log")));
}

TEST_CASE("what is below the level is not written, and the level may change") {
  const LogFile file;
  {
    const auto log = file.open(LogLevel::warning);
    log->info("no");
    log->warning("yes");
    log->set_level(LogLevel::debug);
    log->debug("now");
  }
  CHECK(file.lines() == Lines{"warning yes", "debug now"});
}

TEST_CASE("lines of many threads are all there, each thread's in order") {
  constexpr int kThreads = 4;
  constexpr int kLines = 1000;
  const LogFile file;
  {
    const auto log = file.open();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kLines; ++i) log->info(std::to_string(t) + " " + std::to_string(i));
      });
    }
    for (auto& thread : threads) thread.join();
  }
  std::vector<int> next(kThreads, 0);
  for (const auto& line : file.lines()) {
    std::istringstream words(line);
    std::string level;
    size_t thread = 0;
    int number = 0;
    words >> level >> thread >> number;
    REQUIRE(thread < kThreads);
    CHECK(number == next[thread]++);
  }
  CHECK(next == std::vector<int>(kThreads, kLines));
}

TEST_CASE("at its bound the backlog drops lines, never waits, and says how many") {
  const LogFile file;
  const Fifo fifo(file.path());  // Stalls the writer's thread, and no other.
  auto log = file.open(LogLevel::info, 10);
  const int kLines = 50'000;
  for (int i = 0; i < kLines; ++i)
    log->info("a line that is long enough to fill a pipe, number " + std::to_string(i));
  std::thread end([&] { log.reset(); });
  const std::string text = fifo.read_all();
  end.join();

  int written = 0;
  int dropped = 0;
  for (const std::string& line : lines_of(text)) {
    const auto count = line.find("warning log lines dropped count=");
    if (count == std::string::npos) {
      ++written;
    } else {
      dropped += std::atoi(line.c_str() + line.find('=') + 1);
    }
  }
  CHECK(dropped > 0);
  CHECK(written + dropped == kLines);
}

TEST_CASE("a line that is far too long is cut") {
  const LogFile file;
  file.open()->info(std::string(100'000, 'x'));
  REQUIRE(file.lines().size() == 1);
  CHECK(file.lines()[0].size() < 20'000);
  CHECK(file.lines()[0].ends_with(" ..."));
}

TEST_CASE("after reopen lines go to the new file of that name, and none is lost between") {
  const LogFile file;
  {
    const auto log = file.open();
    log->info("one");
    REQUIRE(file.wait_for_lines(1).size() == 1);
    std::filesystem::rename(file.path(), file.path("old"));
    log->info("two");
    log->reopen();
    wait_until([&] { return std::filesystem::exists(file.path()); });
    log->info("three");
  }
  CHECK(file.lines("old") == Lines{"info one", "info two"});
  CHECK(file.lines() == Lines{"info three"});
}

TEST_CASE("when it cannot be reopened the old file goes on, and says why") {
  const LogFile file;
  {
    const auto log = file.open();
    std::filesystem::rename(file.path(), file.path("old"));
    std::filesystem::create_directory(file.path());
    log->reopen();
    REQUIRE(file.wait_for_lines(1, "old").size() == 1);
    log->info("on it goes");
  }
  const auto lines = file.lines("old");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("error log not reopened path="));
  CHECK(lines[1] == "info on it goes");
}

TEST_CASE("a log that cannot be opened is an error that names it") {
  const LogFile file;
  const auto log = LogWriter::open(LogLevel::info, LogFormat::text, file.path("no/log"));
  REQUIRE_FALSE(log);
  CHECK(log.error().message.starts_with("cannot open the log " + file.path("no/log")));
}

TEST_CASE("lines that a full disk does not take are counted, with the cause") {
  const auto log = LogWriter::open(LogLevel::info, LogFormat::text, "/dev/full");
  REQUIRE(log);
  CHECK((*log)->losses().cause().empty());
  for (int i = 0; i < 5; ++i) (*log)->info("lost");
  wait_until([&] { return (*log)->losses().lines() == 5; });
  CHECK((*log)->losses().is_failing());
  CHECK((*log)->losses().cause() == "No space left on device");
}

TEST_CASE("a pipe that no process reads is refused at once, and its reopening, too") {
  const LogFile file;
  const auto log = file.open();
  log->info("one");
  file.wait_for_lines(1);
  std::filesystem::rename(file.path(), file.path("old"));
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  const auto refused = LogWriter::prepare(LogLevel::info, LogFormat::text, file.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("no process reads") != std::string::npos);
  log->reopen();
  log->info("two");
  const auto lines = file.wait_for_lines(3, "old");
  CHECK(std::ranges::count(lines, "info two") == 1);
}

TEST_CASE("a writer whose file takes nothing ends all the same") {
  const LogFile file;
  const Fifo fifo(file.path());
  auto log = file.open();
  for (int i = 0; i < 200; ++i) log->info(std::string(1000, 'x'));
  const auto begin = std::chrono::steady_clock::now();
  log.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(8));
}

}  // namespace
}  // namespace sluice::observe
