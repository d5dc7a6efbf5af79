#include <sluice/base/text.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/response.h>
#include <sluice/upstream/affinity.h>

#include <utility>

#include "proxy/buffered_response.h"
#include "proxy/proxy_status.h"

namespace sluice::proxy {

using wire::Flow;
using wire::Follows;

Response::Response(InFlight& flight, ResponseOwner& owner) : flight_(flight), owner_(owner) {}

Response::~Response() = default;

void Response::start(const http::ResponseHead& head, wire::ClientStream& backend, const Facts& facts) {
  head_ = &head;
  backend_ = &backend;
  facts_ = facts;
  const bool has_body = head.framing.has_body();
  Flow flow = Flow::open;
  if (has_body && is_held()) {
    if (!held_) held_ = std::make_unique<BufferedResponse>();
    held_->start(*flight_.client, flight_.settings->retry.buffer_bytes,
                 [this] { flight_.client->send_head(*head_, edits(), Follows::body_at_once); });
  } else {
    const bool body_at_once = has_body && backend.has_buffered_body();
    flow =
        flight_.client->send_head(head, edits(), body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  }
  if (!has_body) return owner_.on_response_end({});
  const auto on_piece = [this](std::string_view piece) {
    flight_.sent += piece.size();
    owner_.on_response_moved();
  };
  const auto on_done = [this](Result<void> how) { owner_.on_response_end(std::move(how)); };
  download_.start(backend, sink(), flow, on_piece, on_done);
}

Flow Response::switch_protocols(const http::ResponseHead& head, const Facts& facts) {
  head_ = &head;
  facts_ = facts;
  return flight_.client->switch_protocols(head, edits());
}

Flow Response::end() {
  const http::FieldList& trailers = backend_->trailers();
  if (trailers.empty()) return sink().end_body(trailers);
  return sink().end_body(http::forwardable_trailers(trailers, *head_, &flight_.rules->response));
}

void Response::stop() {
  download_.stop();
  if (held_) held_->stop();
}

/// Whether it may begin only once it is whole, as far as the buffer goes: until then another attempt may be
/// made.
bool Response::is_held() const {
  const auto& retry = flight_.settings->retry;
  if (!retry.hold || !facts_.may_be_held) return false;
  return head_->framing.kind != http::Framing::Kind::length || head_->framing.length <= retry.buffer_bytes;
}

wire::BodySink& Response::sink() {
  if (held_ && held_->is_in_use()) return *held_;
  return *flight_.client;
}

/// The route's, without a drain header, and with a new sticky cookie and Proxy-Status when there is one to be
/// set; null for none. The route is that of this moment: its generation may end while a response is held.
const http::FieldEdits* Response::edits() {
  const bool has_status =
      flight_.config().proxy_status.forwarded && (flight_.trace.count() > 0 || flight_.trace.waits() > 0);
  const http::FieldEdits& of_route = flight_.rules->response;
  if (!facts_.sticky_id && !has_status && !facts_.has_drain_header)
    return of_route.empty() ? nullptr : &of_route;
  own_edits_ = std::make_unique<http::FieldEdits>(of_route);
  if (facts_.has_drain_header) own_edits_->removed.push_back(to_lower(flight_.settings->drain_header.name));
  if (facts_.sticky_id) {
    own_edits_->added.add("Set-Cookie", upstream::set_cookie(flight_.settings->balance, *facts_.sticky_id));
  }
  if (has_status) own_edits_->added.add(kProxyStatus, status_of_attempts());
  return own_edits_.get();
}

/// What it took to get it. A member of the backend's own stays before it.
std::string Response::status_of_attempts() const {
  std::string details = concat({"attempts=", std::to_string(flight_.trace.count() + 1)});
  if (flight_.trace.waits() > 0) {
    details += concat({" held_ms=", std::to_string(flight_.trace.held().count())});
  }
  return proxy_status(flight_.config().proxy_status, {.details = details, .next_hop = &flight_.backend});
}

}  // namespace sluice::proxy
