#include "demo/client.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

namespace sluice::demo {
namespace {

/// Of requests behind the current one; the rest stays with the kernel.
constexpr size_t kMostWaitingBytes = size_t{64} * 1024;

/// For the peer to close after our last response. Closing first would reset the connection if more had come,
/// and take the response with it.
constexpr Duration kPeerCloses{1000};

/// For the first request of a connection that was made just before the application stopped.
constexpr Duration kFirstRequest{100};

}  // namespace

Client::Client(std::unique_ptr<net::Transport> transport, Shared& shared)
    : transport_(std::move(transport)), shared_(shared), deadline_([this] { on_deadline(); }) {
  transport_->start_reading(*this);
  bound_reading();
}

bool Client::stop() {
  if (step_ == Step::hanging) return true;
  if (step_ != Step::reading || requests_.is_amid_request() || transport_->is_stale()) return false;
  if (has_asked_) return true;
  shared_.executor.deadlines().arm(deadline_, kFirstRequest);
  return false;
}

// ---- what happens

void Client::on_bytes(std::string_view bytes) {
  if (step_ == Step::closing) return;  // Too late.
  requests_.add(bytes);
  run();
}

/// A client that has only ended its direction still gets its responses.
void Client::on_end(Result<void> how) {
  peer_has_ended_ = true;
  if (!how || step_ == Step::hanging || step_ == Step::closing) step_ = Step::over;
  run();
}

void Client::on_taken(const Result<void>& how) {
  if (!how) step_ = Step::over;
  if (step_ == Step::sending) deadline_.disarm();
  run();
}

void Client::on_deadline() {
  switch (step_) {
    case Step::delaying:
      step_ = Step::sending;
      break;
    case Step::sending:
      if (transport_->pending_bytes() >= kept_bytes_) break_off();
      break;
    case Step::reading:
      // Once stopped, an idle client's last chance is over; run() looks whether it has taken it.
      if (shared_.phase != Shared::Phase::stopped || requests_.is_amid_request()) step_ = Step::over;
      break;
    case Step::closing:
      step_ = Step::over;
      break;
    case Step::hanging:
    case Step::over:
      break;
  }
  run();
}

// ---- the steps

/// Goes as far as possible without waiting, and sees to it that something wakes us again. May destroy us: the
/// last line of its callers.
void Client::run() {
  while (advance()) {
  }
  if (step_ == Step::reading && has_nothing_to_come()) step_ = Step::over;
  if (step_ == Step::over) return shared_.on_over(*this);
  if (step_ == Step::reading) bound_reading();
  pause_or_resume_reading();
}

/// One step; false when there is something to wait for.
bool Client::advance() {
  if (step_ == Step::reading) return read_on();
  if (step_ == Step::sending) return send_on();
  return false;
}

bool Client::read_on() {
  const auto event = requests_.next();
  if (!event) {
    refuse(event.error());
    return true;
  }
  switch (*event) {
    case RequestReader::Event::none:
      return false;
    case RequestReader::Event::head:
      note_request();
      invite_body();
      return true;
    case RequestReader::Event::request:
      begin_answer(answer_to(requests_.head().path(), requests_.take_body(), shared_.options, shared_.ping));
      return true;
  }
  return false;
}

bool Client::send_on() {
  if (taken_) {
    watch_progress();
    return false;
  }
  if (!response_) begin_response();
  if (response_->is_done()) {
    end_response();
    return true;
  }
  const auto part = response_->next();
  write(part.bytes);
  if (part.pause > Duration::zero()) {
    pause(part.pause);
  } else if (!response_->is_done()) {
    wait_until_taken();  // Even if it is already: other connections have their turn.
  }
  return true;
}

void Client::begin_answer(Answer answer) {
  has_asked_ = true;
  deadline_.disarm();
  answer_ = std::move(answer);
  step_ = answer_.kind == Answer::Kind::none ? Step::hanging : Step::sending;
  if (answer_.delay > Duration::zero()) pause(answer_.delay);
}

/// Only now is it known whether it is the connection's last: the application may have been shut down during
/// the delay.
void Client::begin_response() {
  const auto& head = requests_.head();
  const bool close = is_refused_ || !head.keep_alive || shared_.phase != Shared::Phase::serving;
  response_.emplace(
      std::move(answer_),
      Response::Terms{
          .to_head = head.is_head(), .to_http_1_0 = head.protocol == http::Protocol::http1_0, .close = close},
      shared_.options.version);
}

/// Everything of it has left us.
void Client::end_response() {
  const auto end = response_->end();
  response_.reset();
  if (end == Response::End::reset) return break_off();
  if (end == Response::End::keep_alive) {
    step_ = Step::reading;
    return;
  }
  if (peer_has_ended_) {
    step_ = Step::over;
    return;
  }
  transport_->shutdown();
  step_ = Step::closing;
  shared_.executor.deadlines().arm(deadline_, kPeerCloses);
}

void Client::refuse(const Error& error) {
  is_refused_ = true;
  begin_answer({.status = error.status == 0 ? 400 : error.status, .body = concat({error.message, "\n"})});
}

void Client::invite_body() {
  const auto& head = requests_.head();
  const bool waits = head.expects_continue && head.framing.has_body() && requests_.waiting_bytes() == 0;
  if (waits) write("HTTP/1.1 100 Continue\r\n\r\n");
}

// ---- means

void Client::write(std::string_view bytes) {
  if (transport_->write(std::span(&bytes, 1)) == net::Flow::blocked) wait_until_taken();
}

void Client::wait_until_taken() {
  if (taken_) return;
  taken_ = transport_->when_writable([this](const Result<void>& how) { on_taken(how); });
}

/// A peer that takes nothing at all is broken off in the end; one that is slow is not.
void Client::watch_progress() {
  if (deadline_.is_armed() || transport_->pending_bytes() == 0) return;
  kept_bytes_ = transport_->pending_bytes();
  shared_.executor.deadlines().arm(deadline_, shared_.options.patience);
}

void Client::pause(Duration duration) {
  step_ = Step::delaying;
  shared_.executor.deadlines().arm(deadline_, duration);
}

void Client::break_off() {
  transport_->reset_on_close();
  step_ = Step::over;
}

void Client::bound_reading() {
  const auto& options = shared_.options;
  shared_.executor.deadlines().arm(deadline_, requests_.is_amid_request() ? options.patience : options.idle);
}

void Client::pause_or_resume_reading() {
  const bool is_busy = step_ == Step::delaying || step_ == Step::sending || step_ == Step::hanging;
  const bool is_full = is_busy && requests_.waiting_bytes() >= kMostWaitingBytes;
  if (is_full == is_paused_ || peer_has_ended_) return;
  is_paused_ = is_full;
  if (is_full) return transport_->stop_reading();
  transport_->start_reading(*this);
}

/// While reading: no request follows, or none that has to be answered.
bool Client::has_nothing_to_come() const {
  if (peer_has_ended_) return true;
  const bool is_stopped = shared_.phase == Shared::Phase::stopped;
  return is_stopped && !requests_.is_amid_request() && !transport_->is_stale();
}

void Client::note_request() const {
  if (shared_.log == nullptr) return;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto nanoseconds = static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  const auto& head = requests_.head();
  std::fprintf(shared_.log, "begin %lld %.*s %.*s\n", nanoseconds, static_cast<int>(head.method().size()),
               head.method().data(), static_cast<int>(head.target().size()), head.target().data());
  std::fflush(shared_.log);
}

}  // namespace sluice::demo
