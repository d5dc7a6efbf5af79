#include "proxy/client_bound.h"

#include <utility>

namespace sluice::proxy {
namespace {

/// A client that has just got an answer, or connected, may be about to ask.
constexpr Duration kLeastRest{100};
/// Other workers may have made room meanwhile.
constexpr Duration kLookForRoom{20};
constexpr Duration kBetweenWords{1000};

}  // namespace

ClientBound::ClientBound(Executor& executor, const ServiceSettings& settings,
                         wire::RestingConnections& resting, std::function<void(bool)> on_pause)
    : executor_(executor),
      settings_(settings),
      room_(settings.client_room),
      resting_(resting),
      on_pause_(std::move(on_pause)) {
  resting_.show_at(room_.resting_since(settings_.worker));
}

void ClientBound::set_most(uint64_t most) {
  most_ = most;
  resume();
}

void ClientBound::enter() {
  room_.enter();
  if (room_.open() < most_) return;
  owes_room_ = true;
  make_room();
  if (!may_accept()) pause();
}

void ClientBound::enter_moved() {
  note_room();
  room_.enter();
  if (!may_accept()) pause();
}

void ClientBound::leave() {
  room_.leave();
  note_room();
  resume();
}

/// Connections of other owners that go beyond the bound from now on close no other: they are not new clients.
void ClientBound::note_room() {
  if (room_.open() <= most_) owes_room_ = false;
}

void ClientBound::close_longest() {
  if (room_.open() <= most_) return;
  if (resting_.close_longest(latest_rest())) settings_.counters.connections_displaced.add();
}

TimePoint ClientBound::latest_rest() const {
  return executor_.clock().now() - kLeastRest;
}

/// At the bound the next client may still come if another's connection can be closed for it.
bool ClientBound::may_accept() const {
  const uint64_t open = room_.open();
  if (open != most_) return open < most_;
  return room_.longest_resting(latest_rest()).has_value();
}

/// Here, or where a connection has rested longer.
void ClientBound::make_room() {
  const bool is_over = room_.open() > most_;
  const auto worker = is_over ? room_.longest_resting(latest_rest()) : std::nullopt;
  if (worker == settings_.worker) close_longest();
  const bool is_other = worker && *worker != settings_.worker;
  const TimePoint now = executor_.clock().now();
  if (!is_other && told_full_ && now - *told_full_ < kBetweenWords) return;
  told_full_ = now;
  settings_.on_full(is_other ? worker : std::nullopt);
}

void ClientBound::pause() {
  if (std::exchange(paused_, true)) return;
  executor_.deadlines().arm(look_, kLookForRoom);
  on_pause_(true);
}

void ClientBound::resume() {
  if (!paused_ || !may_accept()) return;
  paused_ = false;
  look_.disarm();
  on_pause_(false);
}

void ClientBound::look_for_room() {
  if (!paused_) return;
  note_room();
  if (owes_room_) make_room();
  resume();
  if (paused_) executor_.deadlines().arm(look_, kLookForRoom);
}

}  // namespace sluice::proxy
