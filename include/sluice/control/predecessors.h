// What a process knows of its predecessors, while they finish what they had and after that; and of a
// successor that has given everything back to it.
#pragma once

#include <sluice/observe/account.h>
#include <sluice/observe/totals.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

namespace sluice::control {

/// A process that this one has taken over from, as it last reported.
struct Predecessor {
  int process = 0;
  bool is_draining = true;   ///< it finishes what it had
  bool stands_by = false;    ///< it is on standby: it has not ended, and can resume
  observe::Totals totals{};  ///< of all processes up to it
  size_t earlier = 0;        ///< processes before it that drain, too
  bool has_died = false;     ///< it has ended without its final totals
  bool has_lost = false;     ///< a process before it has died, and what that had is in no sum yet
};

/// Control's.
class Predecessors {
 public:
  /// The newest one that has not ended; null when there is none.
  const Predecessor* last() const { return living_.empty() ? nullptr : &living_.back(); }
  /// How many still have something to finish. Each knows of those before it, so that its report is enough.
  size_t draining() const {
    size_t sum = 0;
    for (const Predecessor& each : living_) {
      const bool has_nothing = each.stands_by && each.totals.connections == 0;
      sum += each.earlier + (has_nothing ? 0 : 1);
    }
    return sum;
  }
  bool any() const { return had_any_; }
  /// What all of them have counted.
  observe::Totals totals() const {
    observe::Totals sum = past_;
    for (const Predecessor& each : living_) sum.add(each.totals);
    return sum;
  }

  /// News of one of them.
  void set(Predecessor news) {
    const size_t before = draining();
    had_any_ = true;
    if (news.has_died || news.has_lost) has_lost_ = true;
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
    if (is_to_settle() && on_settle_) on_settle_();
  }

  /// A process has died, and what it had last is in no sum yet.
  bool has_lost() const { return has_lost_; }
  /// What that was can be worked out now: nothing moves between processes any more.
  bool is_to_settle() const { return has_lost_ && draining() == 0; }
  /// Runs whenever news has come and is_to_settle() holds.
  void on_settle(std::function<void()> callback) { on_settle_ = std::move(callback); }
  /// What was accepted and has neither ended nor come here was lost with a process that has died; `here` is
  /// this process's account. If more has come here than that process reported, it had accepted as much more.
  void settle(const observe::Account& here) {
    const observe::Totals sum = totals();
    const uint64_t begun = sum.accepted + here.handed_off;
    const uint64_t known = std::accumulate(sum.ended.begin(), sum.ended.end(), uint64_t{0}) + here.adopted;
    if (known > begun) past_.accepted += known - begun;
    if (begun > known) {
      past_.ended[static_cast<size_t>(observe::Disposition::failed_stopped)] += begun - known;
    }
    has_lost_ = false;
  }
  /// Runs whenever draining() has changed.
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

 private:
  std::vector<Predecessor> living_;  // the newest last
  observe::Totals past_;             // of those that have ended
  bool had_any_ = false;
  bool has_lost_ = false;
  std::function<void()> on_change_;
  std::function<void()> on_settle_;
};

}  // namespace sluice::control
