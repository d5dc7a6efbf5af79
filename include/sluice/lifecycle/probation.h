// A new process's first time, while the one before it stands by: it lets that one hear that it lives, is
// judged by how it answers, and either goes on alone or gives everything back.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/base/wait.h>
#include <sluice/lifecycle/judgement.h>
#include <sluice/lifecycle/server.h>
#include <sluice/lifecycle/takeover.h>
#include <sluice/net/loop.h>

#include <functional>
#include <optional>
#include <string>

namespace sluice::lifecycle {

/// Control's loop's.
class Probation {
 public:
  struct Info {
    Duration left{};  ///< until it is passed
    Figures before{};
    Figures now{};
  };

  /// `takeover` is complete, and the process before this one stands by. `on_passed` runs once that is over
  /// and this process goes on alone; never from here.
  Probation(net::Loop& loop, Log& log, Server& server, Takeover& takeover, std::function<void()> on_passed);
  ~Probation();
  Probation(const Probation&) = delete;
  Probation& operator=(const Probation&) = delete;

  /// Nothing when it is over.
  std::optional<Info> info() const;
  /// Passed, whatever has been so far.
  Result<void> keep();
  /// The process before this one takes everything back: its number, or why it has not. An error at once when
  /// there is no probation any more.
  Result<Wait> go_back(const std::string& why, std::function<void(Result<int> process)> on_done);
  /// It has done so, or it has failed to.
  void handed_back(int process);
  void not_back(Error why);
  /// This process ends, and with it the one before.
  void stop();

 private:
  void look();
  void judge();
  void pass(std::string_view why);
  void ask(const std::string& why);
  std::string figures() const;

  net::Loop& loop_;
  Log& log_;
  Server& server_;
  Takeover& takeover_;
  std::function<void()> on_passed_;
  Figures before_;
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

}  // namespace sluice::lifecycle
