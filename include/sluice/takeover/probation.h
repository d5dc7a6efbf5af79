// A new process on probation, while its predecessor is on standby: it sends the predecessor heartbeats, is
// judged by how it answers, and either goes on alone or gives everything back.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/base/wait.h>
#include <sluice/control/server.h>
#include <sluice/takeover/error_rate.h>
#include <sluice/takeover/takeover.h>

#include <functional>
#include <optional>
#include <string>

namespace sluice::takeover {

/// Control's.
class Probation {
 public:
  struct Info {
    Duration left{};  ///< until it is passed
    ErrorRate before{};
    ErrorRate now{};
  };

  /// `takeover` is complete, and the predecessor is on standby. `on_passed` runs once the probation is over
  /// and this process goes on alone; never from the constructor.
  Probation(Executor& executor, Log& log, control::Server& server, Takeover& takeover,
            std::function<void()> on_passed);
  ~Probation();
  Probation(const Probation&) = delete;
  Probation& operator=(const Probation&) = delete;

  /// Nothing when it is over.
  std::optional<Info> info() const;
  /// Passed, whatever has been so far.
  Result<void> keep();
  /// The process before this one takes everything back: its number, or why it has not. An error at once when
  /// there is no probation any more.
  Result<Wait> roll_back(const std::string& why, std::function<void(Result<int> process)> on_done);
  /// It has done so, or it has failed to.
  void rolled_back(int process);
  void rollback_failed(Error why);
  /// This process ends, and its predecessor with it.
  void stop();

 private:
  void look();
  void judge();
  void pass(std::string_view why);
  void ask(const std::string& why);
  std::string figures() const;

  Executor& executor_;
  Log& log_;
  control::Server& server_;
  Takeover& takeover_;
  std::function<void()> on_passed_;
  ErrorRate before_;
  TimePoint until_;
  bool is_over_ = false;
  bool is_stopping_ = false;
  bool is_asked_back_ = false;
  bool is_asking_workers_ = false;
  observe::Account last_;  // of all workers, in the last look
  Deadline next_look_;
  Deadline patience_;  // between two times that it is asked back
  Wait accounts_;
  Pending<Result<int>> done_;
};

}  // namespace sluice::takeover
