// Child processes and waiting for conditions, for the end-to-end tests.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::e2e {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Looks again and again until `condition` holds (true) or `bound` is over (false).
bool eventually(const std::function<bool()>& condition, milliseconds bound = 10s);

/// The soft limit of open files of this process, and of the children it starts, until it goes.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit);
  ~DescriptorLimit();
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

/// Slower machines and sanitizers get more time.
bool under_sanitizer();

/// A directory of its own, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

/// What a service manager gives to a process: variables, and descriptors from 3 on, with their names.
struct Inheritance {
  std::vector<std::pair<std::string, std::string>> variables{};
  std::vector<std::pair<std::string, int>> descriptors{};
};

/// A child whose stdout and stderr go to a file. Killed when dropped.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, std::string output_path, const Inheritance& given = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool is_running();
  void send_signal(int signal_number) const;
  /// The exit code once it has ended (128 + signal when one ended it), or nothing after `bound`.
  std::optional<int> wait(milliseconds bound = 30s);
  std::string output() const { return read_file(output_path_); }

  /// Open descriptors, and resident memory in bytes.
  size_t descriptors() const;
  size_t resident_bytes() const;

 private:
  pid_t pid_ = -1;
  std::string output_path_;
  std::optional<int> exit_code_;
};

struct Finished {
  int exit_code = 0;
  std::string output;  ///< stdout and stderr
};

/// Runs a program to its end.
Finished run(const std::vector<std::string>& arguments, milliseconds bound = 60s);

}  // namespace sluice::e2e
