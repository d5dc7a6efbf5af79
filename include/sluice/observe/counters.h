// What Sluice counts with: a worker writes its own counters with plain stores; any thread may read and sum
// them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::observe {

/// How an exchange ended: every accepted request ends in exactly one (promise 11).
enum class Disposition : uint8_t {
  ok,                     ///< a backend's response was delivered whole
  backend_error,          ///< 502 or 504, or a response that broke midway
  client_abort,           ///< the client went away first
  failed_no_route,        ///< 404: no route takes it
  failed_unavailable,     ///< 503: no backend within the queue's bounds
  failed_bad_request,     ///< 4xx or 5xx for a request that breaks the rules or a bound
  failed_client_timeout,  ///< 408, or a client that takes nothing
  failed_stopped,         ///< the process stopped before it could end
};
inline constexpr size_t kDispositions = 8;

/// "ok", "backend_error", ..., for the failed ones the cause: "no_route".
std::string_view name(Disposition disposition);
bool is_failed(Disposition disposition);

/// A number that one thread adds to and others read. Never goes back.
class Counter {
 public:
  void add(uint64_t by = 1) { value_.store(get() + by, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// A number that goes up and down; one thread's to change.
class Gauge {
 public:
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace sluice::observe
