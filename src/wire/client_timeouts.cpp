#include "wire/client_timeouts.h"

#include <utility>

namespace sluice::wire {
namespace {

constexpr Duration kLookAgain{5};

}  // namespace

void ClientTimeouts::await_body() {
  if (settings().body_bytes_per_second != 0) body_wanted_since_ = context_.deadlines.clock().now();
  arm(For::body, settings().body_timeout);
}

void ClientTimeouts::await_last_write(net::Transport& transport, std::function<void(Result<void>)> on_sent) {
  arm(For::linger, settings().write_timeout);
  writing().drained = transport.when_writable(std::move(on_sent));
}

void ClientTimeouts::look_again() {
  arm(for_, kLookAgain);
}

void ClientTimeouts::retire(Duration quiet, bool request_is_awaited) {
  quiet_ = quiet;
  if (request_is_awaited) arm(For::request, quiet);
}

void ClientTimeouts::stay(bool request_is_awaited) {
  quiet_ = {};
  if (request_is_awaited) await_request();
}

bool ClientTimeouts::is_body_too_slow(uint64_t read) {
  const uint64_t rate = settings().body_bytes_per_second;
  if (rate == 0) return false;
  body_wanted_for_ += context_.deadlines.clock().now() - body_wanted_since_;
  if (body_wanted_for_ <= settings().body_timeout) return false;
  const auto seconds = static_cast<uint64_t>(body_wanted_for_.count()) / 1000;
  return read / rate < seconds;
}

Wait ClientTimeouts::when_writable(net::Transport& transport, std::function<void(Result<void>)> callback) {
  Writing& write = writing();
  context_.deadlines.arm(write.deadline, settings().write_timeout);
  write.drained = transport.when_writable([this](Result<void> how) { on_drained(std::move(how)); });
  return write.writable.wait(std::move(callback));
}

ClientTimeouts::Writing& ClientTimeouts::writing() {
  if (!writing_) writing_ = std::make_unique<Writing>([this] { handler_.on_timeout(For::write); });
  return *writing_;
}

void ClientTimeouts::on_drained(Result<void> how) {
  writing_->deadline.disarm();
  if (!how) {
    how = Error{.code = how.error().code, .message = how.error().message, .origin = Origin::downstream};
  }
  writing_->writable.fire(std::move(how));
}

}  // namespace sluice::wire
