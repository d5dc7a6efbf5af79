#include "backend.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <array>
#include <utility>

#include "run.h"

namespace sluice::simulation {
SimulatedBackend::SimulatedBackend(World& world, size_t index)
    : world_(world),
      index_(index),
      link_(world.random(), world.clock(), address_of(index), world.random().chance(30) ? 30 : 3) {}

void SimulatedBackend::step() {
  Random& random = world_.random();
  if (is_over()) return;
  link_.step();
  if (link_.has_closed()) return;
  if (!world_.is_quiet() && random.chance(state_ == State::resting ? 4 : 2)) return break_off();
  if (random.chance(60)) receive();
  if (link_.ended() != Link::End::none && state_ != State::echoing) {
    // A tunnel's other direction may go on; any other exchange is over when Sluice has ended its own.
    if (state_ != State::tunnel || out_.empty() || link_.is_closed()) {
      link_.close();
      return;
    }
  }
  const bool is_whole = state_ == State::asked && reader_.is_whole();
  const size_t early = world_.gives_back() ? 15 : 5;
  if (state_ == State::asked && random.chance(is_whole ? 60 : early)) answer();
  if (!out_.empty() || state_ == State::echoing) send();
  link_.step();
}

void SimulatedBackend::break_off() {
  if (world_.random().chance(50)) return link_.reset();
  const bool in_order = link_.close() == Link::End::in_order;
  if (answer_ == nullptr || !until_close_ || head_left_ > 0) return;
  // Without framing the end of the connection is the end of the body, wherever it comes.
  answer_->is_whole = in_order;
  answer_->body = answer_->body.substr(0, body_sent_);
}

// ---- requests

void SimulatedBackend::receive() {
  const std::string bytes = link_.take();
  std::string_view rest = bytes;
  while (!rest.empty()) {
    if (state_ == State::tunnel) return receive_tunnel(rest);
    receive_request(rest);
  }
}

void SimulatedBackend::receive_request(std::string_view& bytes) {
  if (reader_.is_whole()) {
    CHECK(state_ == State::resting);  // One request at a time, and none behind one that is not over.
    reader_.next();
  }
  const bool had_head = reader_.has_head();
  const size_t before = reader_.body().size();
  bytes.remove_prefix(reader_.read(bytes));
  if (!had_head && reader_.has_head()) began();
  if (reader_.has_head()) on_piece(before);
}

void SimulatedBackend::receive_tunnel(std::string_view bytes) {
  CHECK(pattern(World::kTunnelUp + tunnel_in_, bytes.size()) == bytes);
  tunnel_in_ += bytes.size();
}

void SimulatedBackend::began() {
  CHECK(state_ == State::resting);
  request_ = &world_.request(reader_.find("X-Own"));
  CHECK(request_->target == reader_.target() && request_->method == reader_.method());
  state_ = State::asked;
  answer_ = nullptr;
  ++request_->begun;
  world_.request_began(index_, *request_, !link_.is_closed());
}

void SimulatedBackend::on_piece(size_t before) {
  const std::string_view body = reader_.body();
  CHECK(request_->body.substr(before, body.size() - before) == body.substr(before));
  if (!reader_.is_whole()) return;
  CHECK(body.size() == request_->body.size());  // However often it was begun.
  CHECK(!request_->is_bad && request_->is_sent);
  if (state_ == State::reading_on) state_ = State::resting;
  if (gives_back_) return;
  ++request_->seen;
  CHECK(request_->method != "POST" || request_->seen == 1 || world_.may_come_again(*request_));
}

// ---- answers

void SimulatedBackend::send() {
  if (state_ == State::echoing) echo();
  if (out_.empty()) return;
  const size_t size = world_.random().piece(out_.size());
  body_sent_ += size - std::min(size, head_left_);
  head_left_ -= std::min(size, head_left_);
  if (size == out_.size() && answer_ != nullptr) answer_->is_whole = true;
  link_.send(std::string_view(out_).substr(0, size));
  out_.erase(0, size);
  if (out_.empty()) sent_all();
}

void SimulatedBackend::sent_all() {
  if (state_ == State::sending && is_tunnel_next_) {
    state_ = State::tunnel;
    out_ = pattern(World::kTunnelDown, some_size(world_.random(), 500));
    if (!out_.empty()) return;
  }
  if (state_ == State::tunnel) {
    if (world_.random().chance(70)) link_.end();
    return;
  }
  if (state_ != State::sending) return;
  if (!junk_.empty()) link_.send_glued(junk_);
  const bool is_last = until_close_ || closes_ || !junk_.empty();
  state_ = is_last ? State::finished : reader_.is_whole() ? State::resting : State::reading_on;
  if (!until_close_ && !closes_) return;
  const bool in_order = link_.close() == Link::End::in_order;
  if (until_close_) answer_->is_whole = in_order;
}

void SimulatedBackend::answer() {
  Random& random = world_.random();
  if (!world_.is_quiet() && random.chance(6) && answer_wrongly()) return;
  if (random.chance(15) && answer_interim()) return;
  if (world_.gives_back() && !request_->body.empty() && random.chance(30)) return give_back();
  if (request_->upgrades && random.chance(70)) return switch_protocols();
  answer_in_order();
}

/// What is no answer, or the half of one.
bool SimulatedBackend::answer_wrongly() {
  constexpr std::array kWrong = {
      "\x16\x03\x01 this is no HTTP\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
      "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nnot so long",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Le",
  };
  out_ = kWrong[world_.random().below(kWrong.size())];
  if (request_->method == "HEAD") out_ = "HTTP/1.1 2";
  state_ = State::sending;
  closes_ = true;
  return true;
}

bool SimulatedBackend::answer_interim() {
  const bool is_early = !reader_.is_whole();
  link_.send(is_early ? "HTTP/1.1 100 Continue\r\n\r\n"
                      : "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Answer: 0\r\n\r\n");
  return true;
}

/// To go on at another backend; at times less or more than what has come.
void SimulatedBackend::give_back() {
  state_ = State::echoing;
  gives_back_ = true;
  out_ = "HTTP/1.1 379 PartialPOST Replay\r\nTransfer-Encoding: chunked\r\n\r\n";
  --request_->begun;
  if (reader_.is_whole()) --request_->seen;
  echoes_wrong_ = world_.random().chance(15);
}

/// What has come since, until Sluice ends its direction.
void SimulatedBackend::echo() {
  Random& random = world_.random();
  const std::string_view body = reader_.body();
  const bool is_last = link_.ended() == Link::End::in_order;
  if (link_.ended() == Link::End::broken) {
    link_.close();
    out_.clear();
    return;
  }
  std::string more(body.substr(echoed_));
  echoed_ = body.size();
  if (is_last && echoes_wrong_) {
    if (random.chance(50)) {
      more += "GET /smuggled HTTP/1.1";
    } else if (!more.empty()) {
      more.pop_back();
    }
  }
  if (is_last) {
    state_ = State::finished;
    out_ += in_chunks(random, more);
  } else if (!more.empty()) {
    std::string chunks = in_chunks(random, more);
    out_ += chunks.substr(0, chunks.size() - 5);
  }
}

void SimulatedBackend::switch_protocols() {
  out_ = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  state_ = State::sending;
  is_tunnel_next_ = true;
}

void SimulatedBackend::answer_in_order() {
  Random& random = world_.random();
  constexpr std::array kStatuses = {204, 304, 404, 500};
  const int status = random.chance(85) ? 200 : kStatuses[random.below(kStatuses.size())];
  const size_t begin = 65'000 + world_.answers() * 613 % 20'000;
  state_ = State::sending;
  closes_ = random.chance(10);
  junk_ = random.chance(4) ? forged() : "";
  answer_ = &world_.add_answer({.request = request_, .status = status});
  out_ = "HTTP/1.1 " + std::to_string(status) + " Fine\r\n" + own_fields();
  const bool is_bodiless = request_->method == "HEAD" || status == 204 || status == 304;
  answer_->body = status == 204 ? std::string_view() : pattern(begin, some_size(random, 700));
  out_ += frame(answer_->body);
  if (is_bodiless) {
    out_.resize(out_.find("\r\n\r\n") + 4);
    until_close_ = false;
  }
}

std::string SimulatedBackend::own_fields() {
  Random& random = world_.random();
  std::string fields = "X-Answer: " + std::to_string(world_.answers() - 1) + "\r\n";
  if (closes_ && random.chance(60)) fields += "Connection: close\r\n";
  if (random.chance(4)) fields += "X-Bye: 1\r\n";
  if (random.chance(5)) fields += "Keep-Alive: timeout=1\r\n";
  return fields;
}

/// The fields that frame it, the head's end, and the body.
std::string SimulatedBackend::frame(std::string_view body) {
  Random& random = world_.random();
  const size_t how = random.below(10);
  until_close_ = how >= 8 && answer_->status != 204 && answer_->status != 304;
  if (answer_->status == 204) return "\r\n";
  if (until_close_) {
    junk_.clear();
    head_left_ = out_.size() + 2;
    body_sent_ = 0;
    return "\r\n" + std::string(body);
  }
  if (how < 4) return "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(random, body);
  return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// An answer to nothing, for a request to come to take as its own.
std::string SimulatedBackend::forged() {
  world_.add_answer({.request = request_, .status = 200, .is_whole = true, .is_forged = true});
  return "HTTP/1.1 200 OK\r\nX-Answer: " + std::to_string(world_.answers() - 1) +
         "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace sluice::simulation
