#include "client.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "run.h"

namespace sluice::simulation {
namespace {

constexpr Duration kLinger{2000};

}  // namespace

SimulatedClient::SimulatedClient(World& world, std::vector<Request*> requests)
    : world_(world),
      link_(world.random(), world.clock(), *Address::parse("192.0.2.1:5000"),
            world.random().chance(30) ? 40 : 5),
      requests_(std::move(requests)),
      pipelines_(world.random().chance(30)) {}

void SimulatedClient::step() {
  Random& random = world_.random();
  if (is_over()) return;
  link_.step();
  if (link_.has_closed()) return;
  if (random.chance(50)) receive();
  if (link_.ended() != Link::End::none) return on_end();
  if (!world_.is_quiet() && random.chance(1)) return leave();
  is_tunnel_ ? send_tunnel() : send();
  link_.step();
}

/// In one of the ways there are.
void SimulatedClient::leave() {
  is_disturbed_ = true;
  const size_t how = world_.random().below(3);
  if (how == 0) link_.end();
  if (how == 1) link_.close();
  if (how == 2) link_.reset();
}

// ---- requests

bool SimulatedClient::may_begin_next() const {
  return !is_closing_ && sending_ < requests_.size() && (pipelines_ || answered_ == sending_);
}

void SimulatedClient::send() {
  Random& random = world_.random();
  const bool is_done = sending_ == requests_.size() && answered_ == sending_;
  if (is_done && (world_.is_quiet() || random.chance(30))) {
    link_.close();
    return;
  }
  if (is_disturbed_) return;
  if (sent_ == 0 && !may_begin_next()) return;
  if (sending_ == requests_.size()) return;
  Request& request = *requests_[sending_];
  const bool is_answered = answered_ > sending_;
  size_t most = request.bytes.size() - sent_;
  if (request.expects_continue && !may_go_on_ && !is_answered) {
    most = request.head_bytes - std::min(sent_, request.head_bytes);
    if (most == 0) may_go_on_ = random.chance(5);
    if (most == 0) return;
  }
  if (is_answered && is_closing_ && random.chance(30)) return;  // Why go on?
  const size_t size = random.piece(most);
  link_.send(std::string_view(request.bytes).substr(sent_, size));
  sent_ += size;
  if (sent_ < request.bytes.size()) return;
  request.is_sent = true;
  ++sending_;
  sent_ = 0;
  may_go_on_ = false;
}

void SimulatedClient::send_tunnel() {
  Random& random = world_.random();
  if (is_disturbed_) return;
  if (tunnel_out_.empty()) {
    if (world_.is_quiet() || random.chance(10)) link_.end();
    return;
  }
  const size_t size = random.piece(tunnel_out_.size());
  link_.send(tunnel_out_.substr(0, size));
  tunnel_out_.remove_prefix(size);
}

// ---- answers

void SimulatedClient::receive() {
  const std::string bytes = link_.take();
  std::string_view rest = bytes;
  while (!rest.empty()) {
    if (is_tunnel_) return receive_tunnel(rest);
    if (is_head_refused_) return;
    CHECK(answered_ < requests_.size() && (answered_ < sending_ || sent_ > 0));  // Nothing comes unasked.
    reader_.answers_head(requests_[answered_]->method == "HEAD");
    rest.remove_prefix(reader_.read(rest));
    if (reader_.is_whole()) on_message();
  }
}

/// May end at any time, yet nothing is lost or turned round on the way.
void SimulatedClient::receive_tunnel(std::string_view bytes) {
  CHECK(pattern(World::kTunnelDown + tunnel_in_, bytes.size()) == bytes);
  tunnel_in_ += bytes.size();
}

void SimulatedClient::on_message() {
  const Request& request = *requests_[answered_];
  const int status = reader_.status();
  if (status == 101) {
    CHECK(request.upgrades && reader_.find("Upgrade") == "websocket");
    is_tunnel_ = true;
    ++by_backends_;
    ++answered_;
    tunnel_out_ = pattern(World::kTunnelUp, world_.random().below(400));
  } else if (status < 200) {
    CHECK(!request.is_old);
    if (status == 100 && answered_ == sending_) may_go_on_ = true;
  } else {
    on_final();
  }
  reader_.next();
}

void SimulatedClient::on_final() {
  const Request& request = *requests_[answered_];
  is_closing_ =
      request.is_old ? reader_.find("Connection") != "keep-alive" : reader_.find("Connection") == "close";
  CHECK(is_closing_ || !request.asks_to_close);
  CHECK(is_closing_ || request.is_sent);  // What is left of the body is no request.
  CHECK(!request.is_old || !reader_.is_chunked());
  ++answered_;
  const auto number = reader_.find("X-Answer");
  if (number.empty()) {
    CHECK(reader_.status() >= 400);
    // To a head that it has not read whole Sluice answers with content, whatever the method.
    is_head_refused_ = is_closing_ && request.method == "HEAD";
    return;
  }
  ++by_backends_;
  size_t index = 0;
  CHECK(std::from_chars(number.data(), number.data() + number.size(), index).ec == std::errc());
  Answer& answer = world_.answer(index);
  CHECK(!answer.is_forged && answer.request == &request);  // Its own.
  CHECK(!std::exchange(answer.is_received, true));         // Once.
  CHECK(answer.is_whole);                                  // Not cut, and taken for whole.
  CHECK(answer.status == reader_.status());
  const bool is_bodiless = request.method == "HEAD" || answer.status == 204 || answer.status == 304;
  CHECK(reader_.body() == (is_bodiless ? std::string_view() : answer.body));
}

void SimulatedClient::on_end() {
  const bool is_in_order = link_.ended() == Link::End::in_order;
  if (is_in_order && !is_tunnel_ && reader_.has_head()) {
    reader_.end();
    if (reader_.is_whole()) on_message();
  }
  const bool was_slow = link_.cut_after() >= kLinger;  // It has not taken its answer in time.
  if (is_in_order && !is_disturbed_ && !is_tunnel_ && !was_slow) {
    CHECK(!reader_.has_begun());  // A cut answer ends the connection by a reset.
    CHECK(is_closing_ || (answered_ == sending_ && sent_ == 0));  // A request that has come is answered.
  }
  // An answer is not destroyed by closing on what the client still sends.
  CHECK(is_disturbed_ || is_tunnel_ || link_.cut_after() < Duration(0) || was_slow);
  link_.close();
}

size_t SimulatedClient::in_doubt() const {
  return is_disturbed_ || link_.has_lost() ? requests_.size() - by_backends_ : 0;
}

}  // namespace sluice::simulation
