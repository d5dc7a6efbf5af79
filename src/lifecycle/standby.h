// What a process does that has been taken over from and stands by: hears from the new one, and ends, or takes
// back what it had left.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/lifecycle/server.h>
#include <sluice/lifecycle/takeover.h>
#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/probation_messages.h"

namespace sluice::lifecycle {

/// Control's. The server's departures are open, or were.
class Standby {
 public:
  struct Needs {
    net::Loop& loop;
    Log& log;
    Server& server;
    std::string admin_path;
    Duration silence;            ///< after which the new process counts as hung
    std::function<void()> kill;  ///< ends it, if that is ours to do: process_gone() follows
    /// These may drop this.
    /// The process ends, too: Verdict::passed or stopping.
    std::function<void(Verdict, std::string why)> on_over;
    /// The server goes on; the new process, as far as it lives, hands over by this.
    std::function<void(std::string why, std::unique_ptr<Takeover>)> on_back;
  };
  explicit Standby(Needs needs);
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  void hear(const BeatMessage& beat);
  void hear(const VerdictMessage& verdict);
  /// The new process has said what it has taken.
  void on_taken();
  /// It is passed this signal, which is for whoever goes on.
  void note(int signal_number);
  /// Those of which nobody knows whether they came before this process is the one again.
  const std::vector<int>& noted() const { return noted_; }
  void process_gone(const std::string& cause);

 private:
  void expect_beat();
  void come_back();
  void on_asked(const Result<void>& result);
  void be_silent();

  Needs needs_;
  BeatMessage last_beat_;
  std::optional<std::string> wanted_back_;  // why
  std::unique_ptr<Takeover> asked_;
  std::vector<int> noted_;
  bool ends_ = false;         // with the new process
  bool is_doubtful_ = false;  // half of the silence is over
  Deadline silence_;
};

}  // namespace sluice::lifecycle
