// The body of one request: taken from the client once, remembered up to a bound, and sent to the attempt that
// is under way, and again to the next one. A backend may also give back what it has got of it (379).
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/observe/cause.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/upstream/backend.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::proxy {

/// What a body reports. Each call but the first may drop it.
class RequestBodyOwner {
 public:
  /// Bytes of it go to the attempt.
  virtual void on_body_moved() = 0;
  /// The attempt has been sent all of it, and its end.
  virtual void on_body_sent() = 0;
  /// The attempt's backend takes no more: what it says about that comes as its response, or as the end of the
  /// connection.
  virtual void on_body_refused(const Error& error) = 0;
  /// The client broke it off, or what a backend gave back is not all of it: no attempt can be made with it.
  virtual void on_body_lost(observe::Cause cause, std::string_view explanation) = 0;

 protected:
  ~RequestBodyOwner() = default;
};

/// Dropping it drops its waits: no callback can reach it.
class RequestBody {
 public:
  /// Both outlive it. The client's stream holds the request's head.
  RequestBody(InFlight& flight, RequestBodyOwner& owner);
  ~RequestBody();
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  /// Bytes of it can leave together with the head of the next attempt.
  bool is_at_hand() const;
  /// Sends all of it to this attempt, whose head was sent with this `flow`. Of what is taken from the client,
  /// up to `most` bytes in all are remembered. May call the owner: the caller's last line.
  void send_to(wire::ClientStream& backend, wire::Flow flow, uint64_t most);
  /// The attempt has answered: a client that waits for a 100 is not sent one any more.
  void stop_expecting();
  /// The attempt is over, and its stream may go.
  void stop();
  /// No attempt will ask for it any more.
  void drop();

  /// Another attempt can be sent all of it.
  bool is_replayable() const { return is_remembered_; }
  /// Something of it, or its end, has not gone to the attempt yet.
  bool is_under_way() const { return upload_.is_running() || given_back_.has_value(); }
  bool is_sending() const { return upload_.is_running(); }
  /// It is the client's turn, not the backend's.
  bool waits_for_client() const {
    return upload_.is_running() && !upload_.is_blocked() && !continue_awaited_;
  }

  /// Whether a backend may give the request back: not while a part of its body is with another one that did.
  bool may_be_given_back() const { return !given_back_ || given_back_->missing == 0; }
  /// Its backend has answered that it gives the request back: `stream` brings what was sent of the body, once
  /// our direction has ended. Only when it is not replayable.
  void take_back(upstream::Lease lease, upstream::StreamPtr stream);
  /// A part of it is with this backend, which has given it back.
  bool is_at(const upstream::BackendState& backend) const;

 private:
  /// The backend's stream is the source of the first part of the body; the client is that of the rest.
  struct GivenBack {
    GivenBack(upstream::Lease the_lease, upstream::StreamPtr the_stream, uint64_t sent)
        : lease(std::move(the_lease)), stream(std::move(the_stream)), missing(sent) {}
    upstream::Lease lease;  // Of the backend that has given it back, and sends still.
    upstream::StreamPtr stream;
    uint64_t missing;  // bytes that it was sent and that have not come back
    bool has_begun = false;
    wire::Pump pump;  // The last: it uses the stream.
  };

  void send_given_back(wire::Flow flow);
  void on_given_back(Result<void> how);
  void send_rest(wire::Flow flow);
  void take(std::string_view piece);
  void remember(std::string_view piece);
  void on_rest_sent(Result<void> how);
  void end();
  void expect_continue();

  InFlight& flight_;
  RequestBodyOwner& owner_;
  wire::ClientStream* backend_ = nullptr;  // the attempt's
  std::string replay_;                     // what a next attempt has to be sent again
  uint64_t most_ = 0;                      // bytes that replay_ may have
  Deadline continue_deadline_;             // for the backend's 100
  std::optional<GivenBack> given_back_;
  bool continue_awaited_ = false;  // the client may send nothing before a 100
  bool is_remembered_ = true;      // replay_ holds all that was taken from the client
  bool is_taken_whole_ = false;
  wire::Pump upload_;  // The last: it uses the attempt's stream.
};

}  // namespace sluice::proxy
