#include <sluice/base/memory.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/request_body.h>

#include <utility>

#include "proxy/cause_of.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

namespace {

constexpr size_t kMostRoomKept = size_t{64} * 1024;  // of the room of a buffer, for the next request

}  // namespace

RequestBody::RequestBody(InFlight& flight, RequestBodyOwner& owner)
    : flight_(flight), owner_(owner), continue_deadline_([this] {
        continue_awaited_ = false;
        flight_.client->send_continue();
      }) {}

RequestBody::~RequestBody() {
  drop();
  clear_keeping(replay_, kMostRoomKept);
  std::string& spare = flight_.context->replay;
  if (replay_.capacity() > spare.capacity()) spare = std::move(replay_);
}

bool RequestBody::is_at_hand() const {
  return !given_back_ && (!replay_.empty() || flight_.client->has_buffered_body());
}

/// Begins with what an earlier attempt took of it. The response may come before its end.
void RequestBody::send_to(wire::ClientStream& backend, Flow flow, uint64_t most) {
  backend_ = &backend;
  most_ = most;
  expect_continue();
  if (given_back_) return send_given_back(flow);
  if (!replay_.empty()) flow = backend_->write_body(replay_);
  send_rest(flow);
}

/// Sends what no attempt has taken from the client yet.
void RequestBody::send_rest(Flow flow) {
  if (is_taken_whole_) return end();
  const auto on_piece = [this](std::string_view piece) { take(piece); };
  const auto on_done = [this](Result<void> how) { on_rest_sent(std::move(how)); };
  upload_.start(*flight_.client, *backend_, flow, on_piece, on_done);
}

void RequestBody::take(std::string_view piece) {
  stop_expecting();
  flight_.received += piece.size();
  remember(piece);
  owner_.on_body_moved();  // Last: how long the attempt may take depends on what is remembered.
}

void RequestBody::remember(std::string_view piece) {
  if (!is_remembered_) return;
  if (replay_.size() + piece.size() > most_) {
    is_remembered_ = false;
    return replay_.clear();
  }
  if (replay_.empty()) replay_.swap(flight_.context->replay);  // For its room.
  replay_.append(piece);
}

void RequestBody::on_rest_sent(Result<void> how) {
  if (how) {
    is_taken_whole_ = true;
    return end();
  }
  const Error error = std::move(how).error();
  if (error.origin == Origin::upstream) return owner_.on_body_refused(error);
  owner_.on_body_lost(cause_of_refusal(error), error.message);
}

void RequestBody::end() {
  const wire::ServerStream& client = *flight_.client;
  backend_->end_body(
      http::forwardable_trailers(client.trailers(), client.request(), &flight_.rules->request));
  owner_.on_body_sent();
}

/// A backend that knows nothing of 100-continue must not keep the client waiting for it (RFC 9110 10.1.1).
void RequestBody::expect_continue() {
  if (!flight_.client->request().expects_continue || is_taken_whole_) return;
  continue_awaited_ = true;
  flight_.context->deadlines.arm(continue_deadline_, flight_.settings->timeouts.expect_continue);
}

void RequestBody::stop_expecting() {
  if (std::exchange(continue_awaited_, false)) continue_deadline_.disarm();
}

void RequestBody::stop() {
  stop_expecting();
  upload_.stop();
  if (given_back_ && given_back_->has_begun) given_back_.reset();  // It writes to the attempt.
  backend_ = nullptr;
}

void RequestBody::drop() {
  stop();
  given_back_.reset();
}

// ---- given back

/// The backend echoes what it has got, and what is still under way to it, until our direction ends: nothing
/// of the body is lost.
void RequestBody::take_back(upstream::Lease lease, upstream::StreamPtr stream) {
  upload_.stop();
  stream->end_sending();
  given_back_.reset();
  given_back_.emplace(std::move(lease), std::move(stream), flight_.received);
}

void RequestBody::send_given_back(Flow flow) {
  GivenBack& part = *given_back_;
  part.has_begun = true;
  stop_expecting();
  const auto on_piece = [this](std::string_view piece) {
    owner_.on_body_moved();
    given_back_->missing -= piece.size();
  };
  const auto on_done = [this](Result<void> how) { on_given_back(std::move(how)); };
  // More would be taken for a part of the body, or for another request.
  part.pump.bound(part.missing);
  part.pump.start(*part.stream, *backend_, flow, on_piece, on_done);
}

/// Either exactly what was sent has come back, or the body is lost.
void RequestBody::on_given_back(Result<void> how) {
  const bool is_whole = how && given_back_->missing == 0;
  const bool is_too_much = !how && how.error().code == ErrorCode::too_large;
  given_back_.reset();
  if (is_whole) return send_rest(Flow::open);
  owner_.on_body_lost(Cause::partial_post,
                      is_too_much ? "the backend that gave the request back gave back more than it was sent"
                                  : "the backend that gave the request back did not give back all of it");
}

bool RequestBody::is_at(const upstream::BackendState& backend) const {
  return given_back_ && given_back_->lease.backend().state().get() == &backend;
}

}  // namespace sluice::proxy
