#include "takeover_relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace sluice::e2e {

TakeoverRelay::TakeoverRelay(const std::string& path, std::string target)
    : target_(std::move(target)), listening_(listen_on(path)), serving_([this] { serve(); }) {}

TakeoverRelay::~TakeoverRelay() {
  hang_up();
  ::shutdown(listening_, SHUT_RDWR);
  serving_.join();
  ::close(listening_);
  for (auto& link : links_) {
    link.up.join();
    link.down.join();
  }
}

void TakeoverRelay::hold(From from, const std::string& kind) {
  const std::lock_guard lock(mutex_);
  held_from_ = from;
  held_kind_ = kind;
}

bool TakeoverRelay::is_holding() {
  const std::lock_guard lock(mutex_);
  return is_holding_;
}

void TakeoverRelay::let_go() {
  const std::lock_guard lock(mutex_);
  held_kind_.clear();
  is_holding_ = false;
  changed_.notify_all();
}

void TakeoverRelay::hang_up() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    for (auto& link : links_) {
      link.new_one.end(SHUT_RDWR);
      link.old_one.end(SHUT_RDWR);
    }
  }
  let_go();
}

void TakeoverRelay::serve() {
  while (true) {
    const int accepted = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return;
    const std::lock_guard lock(mutex_);
    if (is_over_) {
      ::close(accepted);
      return;
    }
    Link& link = links_.emplace_back(accepted, target_);
    link.up = std::thread([this, &link] { pump(link.new_one, link.old_one, From::new_one); });
    link.down = std::thread([this, &link] { pump(link.old_one, link.new_one, From::old_one); });
  }
}

void TakeoverRelay::pump(TakeoverPeer& from, const TakeoverPeer& to, From who) {
  while (auto frame = from.next_frame(10min)) {
    stop_at(who, frame->message["message"].get<std::string>());
    const Descriptors passed = from.take_descriptors(frame->descriptors);
    to.pass_on(std::move(frame->bytes), passed.numbers());
  }
  to.end(SHUT_WR);
}

void TakeoverRelay::stop_at(From who, const std::string& kind) {
  std::unique_lock lock(mutex_);
  if (who != held_from_ || kind != held_kind_) return;
  is_holding_ = true;
  changed_.wait(lock, [this] { return !is_holding_; });
}

}  // namespace sluice::e2e
