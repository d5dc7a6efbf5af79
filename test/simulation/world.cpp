#include "world.h"

#include <sluice/base/check.h>
#include <sluice/http/head_decoder.h>

#include <utility>

#include "run.h"

namespace sluice::simulation {

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15U;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

void parse_request(http::RequestHead& head, const std::string& text) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  const auto progress = decoder.decode(text, head);
  CHECK(progress && progress->complete);
}

void parse_response(http::ResponseHead& head, const std::string& text, bool to_head_request) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  const auto progress = decoder.decode(text, head, to_head_request);
  CHECK(progress && progress->complete);
}

namespace {

Error client_left() {
  return {.code = ErrorCode::closed, .message = "left", .origin = Origin::downstream};
}

Error backend_broke() {
  return {.code = ErrorCode::reset, .message = "reset", .origin = Origin::upstream, .status = 502};
}

}  // namespace

// ---- the client

SimulatedClient::SimulatedClient(World& world, const std::string& request, std::string body)
    : world_(world), body_(std::move(body)) {
  parse_request(head_, request);
  waits_for_continue_ = head_.expects_continue;
}

void SimulatedClient::send_interim(const http::ResponseHead& head, const http::FieldEdits*) {
  CHECK(!committed_ && !over_);
  if (head.status == 100) waits_for_continue_ = false;
}

void SimulatedClient::send_continue() {
  CHECK(!committed_ && !over_);
  waits_for_continue_ = false;
}

wire::Flow SimulatedClient::switch_protocols(const http::ResponseHead& head, const http::FieldEdits*) {
  CHECK(!over_ && answers == 0 && !committed_);
  head_given_ = is_tunnel = from_backend = true;
  status = head.status;
  body_ = World::request_body();
  commit();
  return outlet_.flow();
}

wire::Flow SimulatedClient::send_head(const http::ResponseHead& head, const http::FieldEdits*,
                                      wire::Follows follows) {
  CHECK(!over_ && answers == 0 && !committed_);
  head_given_ = true;
  from_backend = true;
  status = head.status;
  // The head waits for the body's first piece when that is at hand, and sometimes else, as a real stream may.
  const bool waits = follows == wire::Follows::body_at_once || world_.random().chance(50);
  if (!head.framing.has_body() || !waits) commit();
  return outlet_.flow();
}

void SimulatedClient::commit() {
  committed_ = true;
  if (world_.random().chance(20)) outlet_.block();
}

wire::OwnSent SimulatedClient::send_own(const http::OwnResponse& response) {
  CHECK(!over_ && answers == 0 && !committed_);
  status = response.status;
  from_backend = false;
  ended = true;
  commit();
  return {.flow = outlet_.flow()};
}

wire::Flow SimulatedClient::write_body(wire::Slices pieces) {
  CHECK(!over_ && head_given_ && !ended);
  CHECK(!outlet_.is_blocked());  // Nobody writes into what said that it is blocked.
  commit();
  for (const auto piece : pieces) received.append(piece);
  return outlet_.flow();
}

wire::Flow SimulatedClient::end_body(std::string_view) {
  CHECK(!over_ && head_given_ && !ended);
  committed_ = true;
  ended = true;
  return outlet_.flow();
}

void SimulatedClient::finish() {
  CHECK(!over_ && ended);
  ++answers;
  over_ = true;
}

void SimulatedClient::abort() {
  CHECK(!over_);
  aborted = true;
  over_ = true;
}

void SimulatedClient::step() {
  Random& random = world_.random();
  if (over_) return;
  const bool is_heard = body_.empty() || upload_.is_started() || sent_ > 0;
  if (left_unheard_ && !is_heard) {
    if (outlet_.is_waited_for()) outlet_.fail(client_left());
    return;
  }
  if (left_unheard_ || random.chance(2)) {
    if (is_heard) return exchange_->client_gone(client_left());
    left_unheard_ = true;
    return;
  }
  if (outlet_.is_blocked() || outlet_.is_waited_for()) {
    if (!outlet_.is_waited_for()) return;
    if (random.chance(5)) return outlet_.fail(client_left());
    if (random.chance(50)) outlet_.open();
    return;
  }
  if (!upload_.is_started() || waits_for_continue_) return;
  if (sent_ == body_.size()) return upload_.end({});
  if (!upload_.is_wanted()) return;
  if (random.chance(2)) {
    return upload_.end(Error{
        .code = ErrorCode::malformed, .message = "bad chunk", .origin = Origin::downstream, .status = 400});
  }
  const size_t size = 1 + random.below(body_.size() - sent_);
  const std::string piece = body_.substr(sent_, size);
  sent_ += size;
  upload_.deliver(piece);
}

// ---- the backend

SimulatedConnection::SimulatedConnection(World& world, size_t backend) : world_(world), backend_(backend) {
  world_.add(*this);
}

SimulatedConnection::~SimulatedConnection() {
  world_.remove(*this);
}

wire::Flow SimulatedConnection::send_head(const http::RequestHead& head,
                                          const http::RequestForwarding& forwarding, wire::Follows) {
  upgrade_asked_ = !forwarding.upgrade.empty();
  CHECK(state_ == State::resting && !on_gone_);
  state_ = State::waiting;
  ++exchanges_;
  answered_ = false;
  request_body_.clear();
  to_head_ = head.is_head();
  expects_body_ = head.framing.has_body();
  request_whole_ = !expects_body_;
  target_ = head.target();
  world_.request_began(backend_, head);
  if (world_.random().chance(10)) outlet_.block();
  return outlet_.flow();
}

wire::Flow SimulatedConnection::write_body(wire::Slices pieces) {
  CHECK(!request_whole_ && expects_body_);
  CHECK(!sending_ended_);
  for (const auto piece : pieces) request_body_.append(piece);
  CHECK(World::request_body().starts_with(request_body_));
  if (world_.random().chance(20)) outlet_.block();
  return outlet_.flow();
}

void SimulatedConnection::switch_protocols() {
  CHECK(upgrade_asked_ && head_.status == 101);
  is_tunnel_ = expects_body_ = true;
  request_whole_ = false;
  request_body_.clear();
  response_ = World::response_body();
  sent_ = 0;
  state_ = State::body;
}

wire::Flow SimulatedConnection::end_body(std::string_view) {
  CHECK(!request_whole_);
  request_whole_ = true;
  if (is_tunnel_) {  // May be closed at any time, yet nothing is lost or turned round on the way.
    return outlet_.flow();
  }
  CHECK(request_body_ == world_.request_body());  // Whole and in order, however often it was begun.
  return outlet_.flow();
}

void SimulatedConnection::park(Duration, std::function<void(ClientStream&)> on_gone) {
  CHECK(may_be_reused());
  state_ = State::resting;
  download_.stop();
  on_gone_ = std::move(on_gone);
}

void SimulatedConnection::break_off() {
  broken_ = true;
  if (on_gone_) return std::exchange(on_gone_, nullptr)(*this);
  if (head_pending_.is_waited_for()) return head_pending_.fire(backend_broke());
  if (download_.is_started()) return download_.end(backend_broke());
  if (outlet_.is_waited_for()) outlet_.fail(backend_broke());
}

/// What has come of the body; at times less, or more.
void SimulatedConnection::give_back() {
  Random& random = world_.random();
  response_ = request_body_;
  if (random.chance(10)) response_ += "GET /smuggled HTTP/1.1";
  if (random.chance(10) && !response_.empty()) response_.pop_back();
  sent_ = 0;
  parse_response(head_, "HTTP/1.1 379 PartialPOST Replay\r\nTransfer-Encoding: chunked\r\n\r\n", to_head_);
  state_ = State::body;
  gives_back_ = true;
  world_.request_given_back(target_);
  head_pending_.fire(&head_);
}

void SimulatedConnection::answer() {
  answered_ = true;
  Random& random = world_.random();
  head_.clear();
  if (!request_whole_ && random.chance(20)) {
    parse_response(head_, "HTTP/1.1 100 Continue\r\n\r\n", to_head_);
    return head_pending_.fire(&head_);
  }
  if (world_.gives_back() && expects_body_ && random.chance(40)) return give_back();
  if (random.chance(10)) {
    parse_response(head_, "HTTP/1.1 103 Early Hints\r\n\r\n", to_head_);
    return head_pending_.fire(&head_);
  }
  if (upgrade_asked_ && random.chance(70)) {
    const std::string protocol = random.chance(90) ? "websocket" : "h2c";
    parse_response(
        head_, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + protocol + "\r\n\r\n",
        to_head_);
    return head_pending_.fire(&head_);
  }
  response_ = World::response_body();
  sent_ = 0;
  const std::string framing = random.chance(50)
                                  ? "Transfer-Encoding: chunked\r\n"
                                  : "Content-Length: " + std::to_string(response_.size()) + "\r\n";
  const std::string bye = random.chance(5) ? "X-Bye: 1\r\n" : "";
  parse_response(head_, "HTTP/1.1 200 OK\r\n" + framing + bye + "\r\n", to_head_);
  state_ = head_.framing.has_body() ? State::body : State::complete;
  head_pending_.fire(&head_);
}

void SimulatedConnection::step() {
  Random& random = world_.random();
  if (random.chance(4)) return break_off();
  if (broken_) return;
  if ((outlet_.is_blocked() || outlet_.is_waited_for()) && random.chance(50)) return outlet_.open();
  if (state_ == State::waiting && head_pending_.is_waited_for()) {
    // A backend may answer before it has read all of the request.
    if (request_whole_ || random.chance(world_.gives_back() ? 15 : 5)) answer();
    return;
  }
  if (state_ != State::body || !download_.is_wanted()) return;
  if (sent_ < response_.size()) {
    const size_t size = 1 + random.below(response_.size() - sent_);
    const std::string piece = response_.substr(sent_, size);
    sent_ += size;
    return download_.deliver(piece);
  }
  if (gives_back_ && !sending_ended_) return;  // More may come.
  state_ = State::complete;
  download_.end({});
}

}  // namespace sluice::simulation
