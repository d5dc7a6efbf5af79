// What did not go smoothly, by pool, by the version of the backend and by cause. One worker counts without
// lock; any thread may read.
#pragma once

#include <sluice/observe/cause.h>
#include <sluice/observe/counters.h>

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::observe {

/// What happened to a request, whatever came of it.
enum class Event : uint8_t {
  retried,  ///< an attempt failed by the cause, and another was made
  held,     ///< it waited for a backend, until the cause (ok: it got one)
  cut,      ///< its response had begun, and broke off by the cause
  failed,   ///< it ended by the cause, which is neither success nor the client's leaving
};
inline constexpr size_t kEvents = 4;
std::string_view name(Event event);

/// Of one pool, at backends of one version (empty: of none, or none was had).
class Tally {
 public:
  void add(Event event, Cause cause) {
    counters_[static_cast<size_t>(event)][static_cast<size_t>(cause)].add();
  }
  uint64_t get(Event event, Cause cause) const {
    return counters_[static_cast<size_t>(event)][static_cast<size_t>(cause)].get();
  }

 private:
  std::array<std::array<Counter, kCauses>, kEvents> counters_;
};

/// One line of the sum.
struct TallyKey {
  std::string pool{};
  std::string version{};
  Event event{};
  std::string cause{};  ///< a word, since another release may have other ones
  auto operator<=>(const TallyKey&) const = default;
};
using TallySums = std::map<TallyKey, uint64_t>;

/// One worker's. There is a tally from its first event on, at most kMost of them: what comes then goes to one
/// for all others. None ever goes.
class Tallies {
 public:
  static constexpr size_t kMost = 10'000;
  static constexpr std::string_view kOthers = "(others)";

  Tallies() = default;
  ~Tallies();
  Tallies(const Tallies&) = delete;
  Tallies& operator=(const Tallies&) = delete;

  /// The worker's alone. It stays where it is.
  Tally& of(std::string_view pool, std::string_view version);
  /// Any thread.
  void add_to(TallySums& sums) const;

 private:
  struct Entry {
    std::string pool{};
    std::string version{};
    Tally tally{};
    Entry* next = nullptr;
  };
  using Names = std::pair<std::string_view, std::string_view>;

  std::atomic<Entry*> first_{nullptr};
  std::map<Names, Entry*> known_;  // the worker's
};

}  // namespace sluice::observe
