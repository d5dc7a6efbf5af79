// When backends are probed: spread over time, each a little early or late, and only so many at once.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace sluice::upstream {

/// Control's. Knows no sockets: the owner of a ScheduledProbe probes when `begin` is called, and says when
/// the probe is over.
class ProbeSchedule {
 public:
  /// Probes under way at a time; further ones wait in the order in which they were due.
  static constexpr size_t kMostAtOnce = 256;

  /// One backend's place in the schedule. Dropping it leaves.
  class ScheduledProbe {
   public:
    /// `begin` is called when it may probe; never after the ScheduledProbe is gone.
    explicit ScheduledProbe(std::function<void()> begin) : begin_(std::move(begin)) {}
    ScheduledProbe(const ScheduledProbe&) = delete;
    ScheduledProbe& operator=(const ScheduledProbe&) = delete;
    ~ScheduledProbe();

    bool is_planned() const { return state_ == State::planned || state_ == State::waiting; }

   private:
    friend class ProbeSchedule;
    enum class State : uint8_t { idle, planned, waiting, under_way };
    using Key = std::pair<TimePoint, uint64_t>;

    std::function<void()> begin_;
    ProbeSchedule* schedule_ = nullptr;
    State state_ = State::idle;
    Key key_{};  // when it is due, and after how many others that are due then
    ListHook hook_;
  };

  /// `seed` decides how far each is early or late.
  ProbeSchedule(Deadlines& deadlines, uint64_t seed);
  ~ProbeSchedule();
  ProbeSchedule(const ProbeSchedule&) = delete;
  ProbeSchedule& operator=(const ProbeSchedule&) = delete;

  /// The turn comes `after` from now (zero: in a moment), and at no other time; what was under way counts as
  /// over.
  void plan(ScheduledProbe& turn, Duration after);
  /// The turn comes now, before all that wait: calls its `begin` when there is room. No effect while it is
  /// under way.
  void hurry(ScheduledProbe& turn);
  /// Its probe is over, or is not wanted any more. Others may begin.
  void leave(ScheduledProbe& turn);

  /// The interval, or up to a tenth less or more, so that backends do not fall into step.
  Duration jittered(Duration interval);
  /// Up to the interval: for backends that began together. Any few in a row are spread evenly over it.
  Duration spread(Duration interval);

  struct Load {
    size_t under_way = 0;
    size_t waiting = 0;  ///< are due, and there is no room
    Duration late{};     ///< of the probe that began last, or waits longest if that is more
    uint64_t begun = 0;  ///< ever
  };
  Load load() const;

  /// Nothing begins any more.
  void close() { is_open_ = false; }

 private:
  void on_time();
  void arm();
  void begin_waiting();
  void begin(ScheduledProbe& turn);
  void take_out(ScheduledProbe& turn);

  Deadlines& deadlines_;
  Deadline next_;
  TimePoint armed_for_{};
  std::map<ScheduledProbe::Key, ScheduledProbe*> planned_;
  List<ScheduledProbe, &ScheduledProbe::hook_> waiting_;
  size_t waiting_count_ = 0;
  size_t under_way_ = 0;
  bool is_open_ = true;
  bool is_beginning_ = false;
  uint64_t order_ = 0;
  uint64_t random_;
  double phase_ = 0;
  uint64_t begun_ = 0;
  Duration late_{};
};

}  // namespace sluice::upstream
