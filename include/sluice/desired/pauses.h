// Logs pauses that begin and end, and ends timed ones. What is paused is in the desired state.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/desired/desired_state.h>

#include <functional>
#include <string_view>
#include <vector>

namespace sluice::desired {

/// Control's.
class Pauses {
 public:
  /// Takes these out of the desired state; false: not now.
  using End = std::function<bool(const std::vector<PauseEdit>&, const char* cause)>;

  Pauses(Deadlines& deadlines, Log& log, End end);
  Pauses(const Pauses&) = delete;
  Pauses& operator=(const Pauses&) = delete;

  /// What is in effect from now on, and by what.
  void apply(const PauseChanges& pauses, std::string_view cause);
  /// For a process that ends: no command could resume them any more.
  void end_all(const char* cause);
  /// An error of code conflict when there is one: held requests do not move to another process, and no
  /// command could resume them in this one then.
  Result<void> require_none() const;

 private:
  void look();
  void wait_for_next();

  Deadlines& deadlines_;
  Log& log_;
  End end_;
  PauseChanges pauses_;
  Deadline next_{[this] { look(); }};
};

}  // namespace sluice::desired
