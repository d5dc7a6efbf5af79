// The requests that ended last, to explain them later: each worker's own, in rings that are written without
// lock or allocation.
#pragma once

#include <sluice/base/short_texts.h>
#include <sluice/config/recent_requests.h>
#include <sluice/proxy/trace.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// The texts that are kept of a request. What is too long is cut.
class RequestTexts {
 public:
  struct Parts {
    std::string_view id{};
    std::string_view method{};
    std::string_view path{};
    std::string_view client{};
    std::string_view pool{};
    std::string_view refused{};
  };
  void describe(const Parts& parts) {
    texts_.clear();
    texts_.add(parts.id).add(parts.method).append(" ").append(parts.path);
    texts_.add(parts.client).add(parts.pool);
    if (!parts.refused.empty()) texts_.add(parts.refused);
  }

  std::string_view id() const { return texts_[0]; }
  /// Method and path.
  std::string_view request() const { return texts_[1]; }
  /// Its IP.
  std::string_view client() const { return texts_[2]; }
  /// Empty: it came to none.
  std::string_view pool() const { return texts_[3]; }
  /// The rule that a backend's answer broke; empty: none was refused.
  std::string_view refused() const { return texts_[4]; }

  /// As they are kept.
  static std::string_view kept_id(std::string_view id) { return id.substr(0, kMostOfId); }
  static std::string_view kept_pool(std::string_view pool) { return pool.substr(0, kMostOfPool); }

 private:
  static constexpr size_t kMostOfId = 64;
  static constexpr size_t kMostOfPool = 64;
  ShortTexts<kMostOfId, 120, 46, kMostOfPool, 120> texts_;
};

/// What is kept of a request. What each request has lies together, in few cache lines.
struct RequestRecord : RequestTexts {
  uint64_t generation = 0;  ///< by which it began
  uint64_t sent = 0;        ///< bytes of the response's body
  uint64_t received = 0;    ///< bytes of the request's body
  TimePoint began{};
  TimePoint ended{};
  Duration held{};             ///< in the pool's queue
  unsigned waits = 0;          ///< there
  int status = 0;              ///< of the answer that was begun; 0: none
  size_t response_fields = 0;  ///< header fields of the backend's response; 0: none came
  size_t attempts = 0;
  observe::Cause cause{};
  uint8_t kept = 0;  ///< of its attempts: the first ones, and the last
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
