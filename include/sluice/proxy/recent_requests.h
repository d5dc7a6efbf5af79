// The requests that ended last, to explain them later: each worker's own, in rings that are written without
// lock or allocation.
#pragma once

#include <sluice/base/short_text.h>
#include <sluice/config/recent_requests.h>
#include <sluice/proxy/trace.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// What is kept of a request. Texts that are too long are cut.
struct RequestRecord {
  ShortText<64> id{};
  ShortText<120> request{};  ///< method and path
  ShortText<46> client{};    ///< its IP
  ShortText<64> pool{};      ///< empty: it came to none
  uint64_t generation = 0;   ///< by which it began
  observe::Cause cause{};
  int status = 0;         ///< of the answer that was begun; 0: none
  uint64_t sent = 0;      ///< bytes of the response's body
  uint64_t received = 0;  ///< bytes of the request's body
  TimePoint began{};
  TimePoint ended{};
  Duration held{};             ///< in the pool's queue
  unsigned waits = 0;          ///< there
  ShortText<120> refused{};    ///< the rule that a backend's answer broke; empty: none was refused
  size_t response_fields = 0;  ///< header fields of the backend's response; 0: none came
  size_t attempts = 0;
  size_t kept = 0;  ///< of those: the first ones, and the last
  std::array<AttemptRecord, Trace::kMaxRecorded> attempt{};
};

/// One worker's.
class RecentRequests {
 public:
  /// Allocates; what has been kept stays, as far as there is room.
  void configure(const config::RecentRequests& settings);
  bool is_on() const { return notable_.most + others_.most > 0; }
  bool is_slow(Duration took) const { return took >= slow_; }
  /// The place for the next one, to be filled; it still has what was there before. Null when none of its kind
  /// is kept.
  RequestRecord* next(bool is_notable);

  /// The newest first, at most `most`.
  std::vector<RequestRecord> find(std::string_view id, size_t most) const;
  enum class Which { failed, others };
  /// Of one pool, unless `pool` is empty, that ended at `since` or later.
  std::vector<RequestRecord> newest_notable(size_t most, Which which, std::string_view pool,
                                            TimePoint since) const;

 private:
  struct Ring {
    size_t most = 0;
    size_t next = 0;  // the oldest, once it is full
    std::vector<RequestRecord> entries{};

    void resize(size_t size);
    RequestRecord& take();
    /// 0: the newest.
    const RequestRecord& back(size_t index) const;
  };
  Ring notable_;
  Ring others_;
  Duration slow_{};
};

}  // namespace sluice::proxy
