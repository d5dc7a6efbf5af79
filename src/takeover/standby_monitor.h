// What a process on standby does: it hears from the new process, and ends, or takes back what it had left.
#pragma once

#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/control/server.h>
#include <sluice/net/message_channel.h>
#include <sluice/takeover/takeover.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "takeover/probation_messages.h"

namespace sluice::takeover {

/// Control's. The server's migration is open, or was.
class StandbyMonitor {
 public:
  struct Needs {
    Executor& executor;
    Log& log;
    control::Server& server;
    /// To the process that answers on the admin socket.
    std::function<Result<std::unique_ptr<net::MessageChannel>>()> open_channel;
    Duration silence;            ///< after which the new process counts as hung
    std::function<void()> kill;  ///< ends it, if that is ours to do: process_gone() follows
    /// These may drop this.
    /// The process ends, too: Verdict::passed or stopping.
    std::function<void(Verdict, std::string why)> on_over;
    /// The server goes on; the new process, if it lives, hands over by this.
    std::function<void(std::string why, std::unique_ptr<Takeover>)> on_back;
  };
  explicit StandbyMonitor(Needs needs);
  StandbyMonitor(const StandbyMonitor&) = delete;
  StandbyMonitor& operator=(const StandbyMonitor&) = delete;

  void hear(const HeartbeatMessage& beat);
  void hear(const VerdictMessage& verdict);
  /// The new process has said what it has taken.
  void on_taken();
  /// The new process is passed this signal, which is for the process that goes on.
  void note(int signal_number);
  /// Signals that may have reached the new process only after this process became active again.
  const std::vector<int>& noted() const { return noted_; }
  void process_gone(const std::string& cause);

 private:
  void expect_beat();
  void come_back();
  void on_asked(const Result<void>& result);
  void be_silent();

  Needs needs_;
  HeartbeatMessage last_beat_;
  std::optional<std::string> wanted_back_;  // why
  std::unique_ptr<Takeover> asked_;
  std::vector<int> noted_;
  bool ends_ = false;         // with the new process
  bool is_doubtful_ = false;  // half of the silence is over
  Deadline silence_;
};

}  // namespace sluice::takeover
