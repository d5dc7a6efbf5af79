// What happens to one request on its way: its attempts and its waits. It costs a request to which nothing
// happens next to nothing.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/observe/cause.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace sluice::proxy {

/// One try of an exchange at one backend.
struct AttemptRecord {
  Address backend{};
  TimePoint began{};
  TimePoint ended{};
  int status = 0;  ///< of its response's head; 0: none came
  observe::Cause cause{};
  bool dialed = false;  ///< on a new connection; else on one that was there
};

/// `dialed`: when a connection was begun for it; TimePoint() when one was there. `sent`: when the request
/// was.
inline AttemptRecord attempt_record(const Address& backend, observe::Cause cause, int status,
                                    TimePoint dialed, TimePoint sent, TimePoint now) {
  const bool is_new = dialed != TimePoint();
  return {.backend = backend,
          .began = is_new ? dialed : sent,
          .ended = now,
          .status = status,
          .cause = cause,
          .dialed = is_new};
}

class Trace {
 public:
  /// The first ones, and the last.
  static constexpr size_t kMaxRecorded = 4;

  void attempt_begins() {
    is_under_way_ = true;
    dialed_ = {};
  }
  /// No connection was there.
  void dials(TimePoint now) { dialed_ = now; }
  TimePoint dialed() const { return dialed_; }
  bool is_under_way() const { return is_under_way_; }
  /// The attempt under way, if it ends now. `sent`: when the request was, on a connection that was there.
  AttemptRecord under_way(const Address& backend, observe::Cause cause, int status, TimePoint sent,
                          TimePoint now) const {
    return attempt_record(backend, cause, status, dialed_, sent, now);
  }
  void attempt_ends(const Address& backend, observe::Cause cause, int status, TimePoint sent, TimePoint now) {
    is_under_way_ = false;
    attempt_ended_beside(under_way(backend, cause, status, sent, now));
  }
  /// One of two attempts at a time has ended; the other goes on.
  void attempt_ended_beside(const AttemptRecord& attempt) {
    if (!attempts_) attempts_ = std::make_unique<std::array<AttemptRecord, kMaxRecorded>>();
    (*attempts_)[count_ < kMaxRecorded ? count_ : kMaxRecorded - 1] = attempt;
    ++count_;
  }

  void wait_begins(TimePoint now) {
    waits_since_ = now;
    ++waits_;
  }
  bool is_waiting() const { return waits_since_ != TimePoint(); }
  TimePoint waits_since() const { return waits_since_; }
  void wait_ends(TimePoint now) {
    held_ += now - waits_since_;
    waits_since_ = {};
  }

  std::span<const AttemptRecord> attempts() const {
    if (!attempts_) return {};
    return {attempts_->data(), count_ < kMaxRecorded ? count_ : kMaxRecorded};
  }
  /// All that have ended, also those that are not kept.
  size_t count() const { return count_; }
  /// In the pool's queue, and how often.
  Duration held() const { return held_; }
  unsigned waits() const { return waits_; }

  /// So many header fields the backend's response has.
  void response_came(size_t fields) { response_fields_ = fields; }
  /// 0: no backend has answered.
  size_t response_fields() const { return response_fields_; }

  void clear() {
    count_ = 0;
    response_fields_ = 0;
    waits_ = 0;
    held_ = {};
    waits_since_ = {};
    is_under_way_ = false;
  }

 private:
  size_t count_ = 0;
  size_t response_fields_ = 0;
  unsigned waits_ = 0;
  bool is_under_way_ = false;
  TimePoint dialed_{};
  TimePoint waits_since_{};
  Duration held_{};
  std::unique_ptr<std::array<AttemptRecord, kMaxRecorded>>
      attempts_;  // once one has ended and not the request
};

}  // namespace sluice::proxy
