// What a process knows of those that it has taken over from, while they finish what they had, and after.
#pragma once

#include <sluice/lifecycle/totals.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace sluice::lifecycle {

/// The process that this one has taken over from, as far as it has told.
struct Predecessor {
  int process = 0;
  bool is_draining = true;  ///< it finishes what it had
  Totals totals{};          ///< of all processes up to it
  size_t before_it = 0;     ///< processes before it that drain, too
};

/// Control's.
class Predecessors {
 public:
  /// Nothing when there was none.
  const std::optional<Predecessor>& last() const { return last_; }
  /// How many still drain. Each knows of those before it, so that the last one's word is enough.
  size_t draining() const { return last_ && last_->is_draining ? last_->before_it + 1 : 0; }

  void set_last(Predecessor last) {
    const size_t before = draining();
    last_ = std::move(last);
    if (draining() != before && on_change_) on_change_();
  }
  /// Runs whenever draining() has changed.
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

 private:
  std::optional<Predecessor> last_;
  std::function<void()> on_change_;
};

}  // namespace sluice::lifecycle
