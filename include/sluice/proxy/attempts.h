// The attempts of one request: one after the other, and two at a time when it is hedged.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/http/head.h>
#include <sluice/observe/cause.h>
#include <sluice/observe/tallies.h>
#include <sluice/proxy/attempt.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/upstream/pool.h>

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::proxy {

/// The current attempt has failed, and there is none beside it.
struct AttemptsFailure {
  observe::Cause cause{};   ///< to answer with when it is final, or to end with when bytes were committed
  int received_status = 0;  ///< of the response that broke; 0: none had come
  bool is_final = false;    ///< no other attempt may follow
};

/// What becomes of the attempts. on_head() and on_attempts_failed() may drop them; the others must not.
class AttemptsOwner {
 public:
  /// As AttemptOwner's, of the current attempt, which goes on alone.
  virtual void on_interim(const http::ResponseHead& head) = 0;
  virtual void on_head(const http::ResponseHead& head) = 0;
  /// What it says of the backend has been learned. The attempt is still there.
  virtual void on_attempts_failed(const AttemptsFailure& failed) = 0;
  /// The backend is not to blame for the time that passes now.
  virtual bool waits_for_client() const = 0;

 protected:
  ~AttemptsOwner() = default;
};

/// Keeps what the attempts so far have shown: which backends were tried, and whether open connections can be
/// trusted. One thread's.
class Attempts final : private AttemptOwner {
 public:
  /// All outlive it.
  Attempts(InFlight& flight, const RequestPlan& plan, AttemptsOwner& owner)
      : flight_(flight), plan_(plan), owner_(owner) {}
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  /// Makes an attempt there, which is the current one. May call the owner: the caller's last line.
  void start(upstream::Lease lease);
  /// The attempt that logs and reports name; null: none is under way.
  Attempt* current() const { return current_; }
  void drop_current() { drop(*current_); }
  /// Drops those under way.
  void drop_all();
  /// One of them is in flight there.
  bool is_at(const upstream::BackendState& backend) const;
  /// The version of the current one's backend; empty when there is none, or it has none.
  std::string_view version() const;
  observe::Tally& tally() const { return flight_.tally(version()); }

  /// Backends that are passed over as long as there is another.
  std::span<const upstream::Backend* const> tried() const { return tried_; }
  void pass_over(const upstream::Backend& backend);
  /// The current attempt, which has none beside it, has failed, or its response has. Calls the owner: the
  /// caller's last line.
  void fail(const AttemptOutcome& outcome);
  /// Of the last response that broke a rule (InFlight::refused says which).
  observe::Cause refused_by() const { return refused_by_; }

 private:
  void on_sending(Attempt& attempt) override;
  void on_interim(Attempt& attempt, const http::ResponseHead& head) override;
  void on_head(Attempt& attempt, const http::ResponseHead& head) override;
  void on_attempt_over(Attempt& attempt, AttemptOutcome outcome) override;
  bool waits_for_client() const override { return owner_.waits_for_client(); }

  Attempt& add(upstream::Lease lease);
  Attempt* attempt_beside(const Attempt& attempt);
  void drop(Attempt& attempt);
  void follow(Attempt& attempt);
  void settle_on(Attempt& attempt);
  void lost_beside(Attempt& attempt, const AttemptOutcome& outcome);
  AttemptsFailure unsent(const AttemptOutcome& outcome);
  AttemptsFailure broken(const AttemptOutcome& outcome);
  std::optional<observe::Cause> refuse_another(const AttemptOutcome& outcome, observe::Cause cause);
  void learn_from(const Attempt& attempt, const AttemptOutcome& outcome, observe::Cause cause);
  bool may_be_repeated() const;
  void arm_hedge(const Attempt& attempt);
  void start_hedge();

  InFlight& flight_;
  const RequestPlan& plan_;
  AttemptsOwner& owner_;
  Attempt* current_ = nullptr;
  std::unique_ptr<Deadline> hedge_due_;
  std::vector<const upstream::Backend*> tried_;
  observe::Tally* hedged_ = nullptr;  // of the first attempt, until the second one is sent
  observe::Cause refused_by_{};
  bool fresh_only_ = false;          // a connection that was used again has failed
  std::unique_ptr<Attempt> second_;  // beside the first one
  std::optional<Attempt> first_;
};

}  // namespace sluice::proxy
