// Which of the available backends is next. Pure: candidates and a request in, a choice out. Which policy is
// for what stands in src/balance/README.md.
#pragma once

#include <sluice/balance/latency.h>
#include <sluice/base/clock.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace sluice::balance {

inline constexpr unsigned kPriorities = 10;

/// One backend as a policy sees it; its place in the span is its identity until reset().
struct Candidate {
  uint64_t id = 0;      ///< the same at every place, in every worker and process: for hash and sticky cookies
  uint32_t weight = 1;  ///< in any unit, as long as all have the same; 0: not available
  bool available = true;       ///< false: not to be chosen this time
  bool keeps_clients = false;  ///< though not available: for those whose sticky cookie names it
  bool is_local = false;       ///< in this process's zone
  uint8_t priority = 0;        ///< below kPriorities; the lower, the sooner
  uint32_t in_flight = 0;      ///< of all workers. This and latency are for a policy that wants_load()
  Latency latency{};
};

/// What a choice may go by.
struct Request {
  std::optional<uint64_t>
      key{};  ///< for hash: of what identifies the request; for sticky cookies: the id in the cookie
  TimePoint now{};
};

/// One pool's on one worker. Some keep what they chose before in mind, none keeps a pointer.
class Policy {
 public:
  virtual ~Policy() = default;
  /// The index of the choice; nothing when, and only when, no candidate is available, nor keeps this client.
  /// `candidates` may change: those that are passed over may be marked as not available. Allocates nothing
  /// once it knows their number.
  virtual std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) = 0;
  /// The candidates have changed places: indexes mean other backends from now on.
  virtual void reset() {}
  /// It looks at in_flight and latency, which cost something to find out.
  virtual bool wants_load() const { return false; }
};

enum class Kind : uint8_t {
  round_robin,     ///< smooth and weighted
  least_requests,  ///< the fewest in flight for their weight
  random_two,      ///< the better of two at random, by latency and what is in flight
  hash,            ///< the same key goes to the same candidate, within bounds of load
};

/// A policy and the layers over it, from the outside in: sticky, priorities, zones, kind.
struct Settings {
  Kind kind = Kind::round_robin;
  unsigned bound = 125;         ///< of hash: percent of the fair share of what is in flight; 0: no bound
  bool sticky = false;          ///< first of all the candidate whose id is the request's key
  bool has_priorities = false;  ///< the candidates' differ
  unsigned priority_share =
      0;  ///< percent of a group that have to be available for it to take all; 0: one is enough
  bool has_zones = false;    ///< some are local and some are not
  unsigned zone_share = 70;  ///< likewise of the local ones
  bool operator==(const Settings&) const = default;
};

/// `seed`: each worker's own, so that a few requests do not all go to the first candidate.
std::unique_ptr<Policy> make_policy(const Settings& settings, uint64_t seed);

}  // namespace sluice::balance
