// One request as the rest of the house sees it: by which rules it goes, what has happened to it, and how it
// comes out. Passive: Exchange says what happens.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/gate.h>
#include <sluice/config/config.h>
#include <sluice/observe/cause.h>
#include <sluice/observe/tallies.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/request_ids.h>
#include <sluice/proxy/trace.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::proxy {

struct ExchangeContext;
struct LocalGeneration;

/// How the client's stream is to be left when its request has its outcome.
enum class Ending { finish, abort };

/// How a request came out.
struct Outcome {
  observe::Cause cause = observe::Cause::ok;
  std::string_view version{};  ///< of the backend that it has; empty: it has none, or that has no version
  bool is_cut = false;         ///< that backend's response had begun
};

/// A worker's. What there is nothing of is null, empty or 0.
struct InFlight {
  /// Enters `newest`, whose it is from now on. Both references outlive it, or are replaced.
  void begin(ExchangeContext& the_context, wire::ServerStream& the_client, LocalGeneration& newest,
             unsigned worker);
  /// Goes by the route of its generation that has this index.
  void follow(size_t index);
  /// Its generation's time is over: goes on in `newest`, by a copy of its route.
  void outlive_generation(LocalGeneration& newest, unsigned worker);
  /// Whether the client is trusted, and the request's id.
  void identify();
  /// The client's id, if that may give one, or a new one; none when the configuration says so.
  void choose_request_id();
  /// The id that it got where it was before: the client's, or a copy in `made_id`.
  void take_request_id(std::string_view id);
  const config::Config& config() const;

  /// Of its pool, and of this version of a backend.
  observe::Tally& tally(std::string_view version) const;
  /// The last attempt ends now without a response that was passed on whole. `received_status`: of its head;
  /// 0: none came.
  void note_attempt(observe::Cause why, int received_status);
  /// An attempt has failed, and another is to come; that has begun.
  void note_retry(observe::Cause why, std::string_view version);
  void count_retry();
  /// It has waited for a backend long enough.
  void wait_over(observe::Cause why, std::string_view version);
  /// Also those that reached no backend, or met a connection that the backend had closed; those of a tunnel
  /// are counted where it began.
  size_t attempts_begun() const;

  /// The only way to a counter, to the access log and to the recent requests. Once.
  void end(const Outcome& outcome);
  /// For the next request; the generation may end with it.
  void clear();

  /// A route, with what is ready of it, that outlives its generation.
  struct KeptRules {
    config::Route route;
    RouteRules rules;
  };

  ExchangeContext* context = nullptr;
  wire::ServerStream* client = nullptr;
  LocalGeneration* generation = nullptr;  // the newest one, once its own is over
  const std::string* listener = nullptr;  // the name of the listener that accepted the client
  std::optional<Gate::Pass> pass;
  const config::Route* route = nullptr;
  const RouteRules* rules = nullptr;
  std::unique_ptr<KeptRules> kept_rules;
  std::shared_ptr<const config::Pool> settings;  // of the pool, when it began
  std::shared_ptr<upstream::Pool> pool;
  RequestIds::Text made_id;
  std::string_view request_id;  // the client's, or made_id
  TimePoint started;
  TimePoint sent_at;                    // of the last attempt
  Duration waited{};                    // for a backend, in its pool's queue and in connects that failed
  observe::Cause cause{};               // why it ends as it does
  observe::Tally* failed_at = nullptr;  // of an attempt that failed, until the next one begins
  observe::Cause failed_by{};           // ... by this
  std::string refused;                  // the rule that a backend's answer broke
  Address backend;                      // of the last attempt
  uint64_t number = 0;                  // of the generation by which it began
  uint64_t sent = 0;                    // bytes of the response's body
  uint64_t received = 0;                // bytes of the request's body
  int status = 0;                       // of the answer that was begun
  unsigned attempts = 0;
  bool was_tried = false;  // `backend` is set
  bool is_trusted_client = false;
  bool has_ended = false;
  Trace trace;

 private:
  void note_failure(const Outcome& outcome);
  void log_access() const;
  void record();
  std::string probe_answer() const;
};

}  // namespace sluice::proxy
