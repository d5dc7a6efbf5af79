// What control waits for: conditions over things that workers change, looked at every few milliseconds while
// control waits, and not at all otherwise.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/wait.h>

#include <functional>
#include <memory>
#include <vector>

namespace sluice::workers {

/// One loop's.
class Conditions {
 public:
  explicit Conditions(Deadlines& deadlines);
  ~Conditions();
  Conditions(const Conditions&) = delete;
  Conditions& operator=(const Conditions&) = delete;

  /// Runs the callback with true once `condition` holds, or with false after `bound`; never before it has
  /// returned.
  [[nodiscard]] Wait when(std::function<bool()> condition, Duration bound,
                          std::function<void(bool)> callback);

 private:
  struct Waiting;
  void look();

  Deadlines& deadlines_;
  Deadline next_look_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
};

}  // namespace sluice::workers
