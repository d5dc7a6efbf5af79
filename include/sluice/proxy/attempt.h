// One try at one backend: it gets a connection, sends the request, and reports the head of the response, or
// why there is none.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/wait.h>
#include <sluice/http/forwarding.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::proxy {

class Attempt;
class LoginConnections;
class RequestBody;
struct TunnelBackend;

/// What all attempts of a request have in common; made once.
struct RequestPlan {
  std::string target{};                ///< to ask for, when it is not the client's
  std::string_view upgrade{};          ///< the protocol that the client may switch to
  std::optional<uint64_t> key{};       ///< what the balance goes by
  RequestBody* body = nullptr;         ///< null: the request has none
  bool may_replay = false;             ///< the method, or the pool, allows a second attempt
  bool logs_in = false;                ///< its connection becomes the client's alone
  LoginConnections* logins = nullptr;  ///< the client connection's; null: none is kept

  /// What was sent of the body can be sent again, or there is none.
  bool is_body_replayable() const;
};

/// How an attempt failed.
struct AttemptOutcome {
  Error error;
  bool was_connected = false;      ///< else nothing was sent
  bool is_stale = false;           ///< a connection that was used again ended before it answered
  bool has_taken_nothing = false;  ///< ... and its backend has read none of the request
  bool was_cut = false;            ///< by retry.attempt_timeout, before the backend's time was over
};

/// What an attempt reports. on_head() and on_attempt_over() may drop the attempt; the others must not.
class AttemptOwner {
 public:
  /// It has a connection, and sends the head next.
  virtual void on_sending(Attempt& attempt) = 0;
  /// A 1xx other than 101.
  virtual void on_interim(Attempt& attempt, const http::ResponseHead& head) = 0;
  /// The final head, or a 101; valid as long as the attempt's stream.
  virtual void on_head(Attempt& attempt, const http::ResponseHead& head) = 0;
  virtual void on_attempt_over(Attempt& attempt, AttemptOutcome outcome) = 0;
  /// The backend is not to blame for the time that passes now.
  virtual bool waits_for_client() const = 0;

 protected:
  ~AttemptOwner() = default;
};

/// In flight at its backend as long as it lives; dropping it drops its waits, and resets a stream in use.
class Attempt {
 public:
  /// All but the lease outlive it.
  Attempt(InFlight& flight, const RequestPlan& plan, AttemptOwner& owner, upstream::Lease lease);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  upstream::Backend& backend() const { return lease_.backend(); }
  const Address& address() const { return backend().address(); }
  /// Null as long as it has none.
  wire::ClientStream* stream() const { return stream_.get(); }
  bool has_answered() const { return stream_ && stream_->has_answered(); }
  /// The connection has been the client's alone before.
  bool is_clients_own() const { return stream_ && upstream::Connections::is_bound(*stream_); }
  /// When a connection was begun for it; TimePoint() when it took an open one.
  TimePoint dialed() const { return dialed_; }
  TimePoint sent() const { return sent_; }
  /// For the record of the request, as it ends now.
  AttemptRecord record(observe::Cause cause, int status) const;

  /// Which connections will do.
  struct Reuse {
    bool fresh_only = false;       ///< a new one, unless there is one that is the client's alone
    bool may_be_repeated = false;  ///< the request: also a connection that the backend may be about to close
    bool with_login = true;        ///< also one on which the client has logged in
  };
  /// Takes an open connection; false when there is none, and one has to be dialled.
  bool take_connection(Reuse reuse);
  void dial();
  /// Sends the request. May call the owner: the caller's last line.
  void send();
  /// Bytes have moved: the time that it may take begins anew.
  void restart_deadline();

  /// The client gets this response: how long it took counts, if the pool's balance goes by that.
  void measure(int status);
  /// Whether the head has the pool's drain header. When that says so, the backend drains from now on.
  bool heed_drain_header(const http::ResponseHead& head);
  /// It has said so: the connection gets no other request.
  bool is_last() const { return is_last_; }

  /// The response has been read whole. The connection goes back, for the next request of any client, or of
  /// this one alone when it speaks for its client. `keep` false: it is closed.
  void finish(const http::ResponseHead& response, bool keep);
  /// The connection and the right to it go on elsewhere.
  TunnelBackend release();

 private:
  void on_stream(Result<upstream::StreamPtr> stream);
  upstream::StreamRequest stream_request(bool may_be_repeated) const;
  bool is_reused() const { return dialed_ == TimePoint(); }
  http::RequestForwarding forwarding();
  void read_head();
  void on_head(Result<const http::ResponseHead*> head);
  void on_deadline();
  bool is_bounded() const;
  uint64_t most_remembered() const;
  void fail(Error error);

  InFlight& flight_;
  const RequestPlan& plan_;
  RequestBody* body_;
  AttemptOwner& owner_;
  upstream::Lease lease_;
  upstream::StreamPtr stream_;
  std::string host_;                              // to name, when it is not the client's
  Deadline deadline_{[this] { on_deadline(); }};  // for the connection, and then for the response
  Wait wait_;
  TimePoint dialed_{};
  TimePoint sent_{};
  unsigned interims_ = 0;
  bool has_head_ = false;  // of the response, an interim one or its own
  bool is_last_ = false;   // its backend says that it drains
};

}  // namespace sluice::proxy
