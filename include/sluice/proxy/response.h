// A backend's response on its way to the client: edited, kept back when the pool wants that, and passed on.
// Until its first byte is committed it can be dropped, and another attempt be made.
#pragma once

#include <sluice/http/forwarding.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sluice::proxy {

class BufferedResponse;

/// What a response reports.
class ResponseOwner {
 public:
  /// Bytes of its body have come.
  virtual void on_response_moved() = 0;
  /// Its body is whole, and was passed on; or one of the two sides broke, as the error's origin says. May
  /// drop it.
  virtual void on_response_end(Result<void> how) = 0;

 protected:
  ~ResponseOwner() = default;
};

/// Dropping it drops its waits: no callback can reach it. One attempt's response after the other.
class Response {
 public:
  /// Both outlive it.
  Response(InFlight& flight, ResponseOwner& owner);
  ~Response();
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  /// What the exchange knows of a response.
  struct Facts {
    std::optional<uint64_t> sticky_id{};  ///< to be set in a cookie
    bool has_drain_header = false;        ///< the client is not to see that field
    bool may_be_held = false;             ///< another attempt can be made as long as nothing of it was sent
  };
  /// Passes it on, from `backend`, which has read the head. Both outlive it, or are gone after stop(). May
  /// call the owner: the caller's last line.
  void start(const http::ResponseHead& head, wire::ClientStream& backend, const Facts& facts);
  /// Instead, of a 101: answers the client's Upgrade.
  wire::Flow switch_protocols(const http::ResponseHead& head, const Facts& facts);
  /// After on_response_end(): ends it towards the client. Blocked when something of it has not left yet.
  wire::Flow end();
  void stop();

  /// The head that was given to start() or switch_protocols().
  const http::ResponseHead& head() const { return *head_; }
  bool is_passed_on() const { return download_.is_running(); }
  /// It is the client's turn to take bytes.
  bool waits_for_client() const { return download_.is_blocked(); }

 private:
  const http::FieldEdits* edits();
  std::string status_of_attempts() const;
  bool is_held() const;
  wire::BodySink& sink();

  InFlight& flight_;
  ResponseOwner& owner_;
  const http::ResponseHead* head_ = nullptr;
  wire::ClientStream* backend_ = nullptr;
  Facts facts_;
  std::unique_ptr<http::FieldEdits> own_edits_;  // beyond the route's
  std::unique_ptr<BufferedResponse> held_;       // what is kept back, when the pool wants that
  wire::Pump download_;                          // The last: it uses the streams.
};

}  // namespace sluice::proxy
