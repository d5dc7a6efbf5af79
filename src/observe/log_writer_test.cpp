#include <sluice/observe/log_writer.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

class LogFile {
 public:
  LogFile() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-log-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "log") const { return folder_ / name; }

  std::unique_ptr<LogWriter> open(LogLevel level = LogLevel::info, size_t most_lines = 8192) const {
    auto writer = LogWriter::open(level, LogFormat::text, path(), most_lines);
    REQUIRE(writer);
    return *std::move(writer);
  }

  /// The lines so far, without their times.
  std::vector<std::string> lines(const std::string& name = "log") const {
    std::ifstream file(path(name));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line.substr(line.find(' ') + 1));
    return lines;
  }
  /// The same once there are `count`.
  std::vector<std::string> wait_for_lines(size_t count, const std::string& name = "log") const {
    wait_until([&] { return lines(name).size() >= count; });
    return lines(name);
  }
  static void wait_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    REQUIRE(done());
  }

 private:
  std::filesystem::path folder_;
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
  // A pipe that nobody reads stalls the writer's thread, and nobody else.
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  const int reader = ::open(file.path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  auto log = file.open(LogLevel::info, 10);
  const int kLines = 50'000;
  for (int i = 0; i < kLines; ++i)
    log->info("a line that is long enough to fill a pipe, number " + std::to_string(i));
  std::thread end([&] { log.reset(); });
  ::fcntl(reader, F_SETFL, 0);
  std::string text;
  std::vector<char> buffer(65536);
  for (ssize_t count = 1; count > 0;) {
    count = ::read(reader, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<size_t>(count));
  }
  end.join();
  ::close(reader);

  int written = 0;
  int dropped = 0;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) {
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
    LogFile::wait_until([&] { return std::filesystem::exists(file.path()); });
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

}  // namespace
}  // namespace sluice::observe
