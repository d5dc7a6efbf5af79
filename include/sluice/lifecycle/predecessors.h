// What a process knows of those that it has taken over from, while they finish what they had, and after; and
// of the one that has given everything back to it.
#pragma once

#include <sluice/lifecycle/totals.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace sluice::lifecycle {

/// A process that this one has taken over from, as far as it has told.
struct Predecessor {
  int process = 0;
  bool is_draining = true;  ///< it finishes what it had
  bool stands_by = false;   ///< it has not ended yet, in case that it is to go on
  Totals totals{};          ///< of all processes up to it
  size_t before_it = 0;     ///< processes before it that drain, too
};

/// Control's.
class Predecessors {
 public:
  /// The newest one that has not ended; null when there is none.
  const Predecessor* last() const { return living_.empty() ? nullptr : &living_.back(); }
  /// How many still have something to finish. Each knows of those before it, so that its word is enough.
  size_t draining() const {
    size_t sum = 0;
    for (const Predecessor& each : living_) {
      const bool has_nothing = each.stands_by && each.totals.connections == 0;
      sum += each.before_it + (has_nothing ? 0 : 1);
    }
    return sum;
  }
  bool any() const { return had_any_; }
  /// What all of them have counted.
  Totals totals() const {
    Totals sum = past_;
    for (const Predecessor& each : living_) sum.add(each.totals);
    return sum;
  }

  /// News of one of them.
  void set(Predecessor news) {
    const size_t before = draining();
    had_any_ = true;
    const auto known = std::ranges::find(living_, news.process, &Predecessor::process);
    if (!news.is_draining) {
      if (known != living_.end()) living_.erase(known);
      past_.add(news.totals);
    } else if (known != living_.end()) {
      *known = std::move(news);
    } else {
      living_.push_back(std::move(news));
    }
    if (draining() != before && on_change_) on_change_();
  }
  /// Runs whenever draining() has changed.
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

 private:
  std::vector<Predecessor> living_;  // the newest last
  Totals past_;                      // of those that have ended
  bool had_any_ = false;
  std::function<void()> on_change_;
};

}  // namespace sluice::lifecycle
