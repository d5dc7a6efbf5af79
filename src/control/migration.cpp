#include <sluice/base/check.h>
#include <sluice/control/migration.h>
#include <sluice/net/message_channel.h>

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;  // of what is under way on them, in one message

size_t bytes_of(const proxy::ConnectionState& connection) {
  const size_t read = connection.at.bytes.size();
  if (!connection.tunnel) return read;
  return read + connection.tunnel->head.size() + connection.tunnel->up.size() +
         connection.tunnel->down.size();
}

}  // namespace

void Migration::open(size_t room, Send send) {
  CHECK(!is_open());
  if (room == 0) return close();
  room_ = room;
  send_ = std::move(send);
  send_next();
}

void Migration::add(proxy::MigratedConnection connection) {
  if (!is_open()) return on_returned_(std::move(connection));
  waiting_.push_back(std::move(connection));
  send_next();
}

void Migration::send_next() {
  if (held_ || !sent_.empty() || waiting_.empty()) return;
  return_what_has_no_room();
  if (!is_open() || !sent_.empty() || waiting_.empty()) return;
  const size_t most = std::min(room_, net::kMostDescriptorsInMessage);
  size_t descriptors = 0;
  size_t bytes = 0;
  while (!waiting_.empty() && bytes <= kMostBytes) {
    auto& next = waiting_.front();
    descriptors += next.descriptors();
    if (descriptors > most) break;
    bytes += bytes_of(next.record);
    sent_.push_back(std::move(next));
    waiting_.pop_front();
  }
  const size_t count = sent_.empty() ? 0 : send_(sent_);
  if (count == 0) return close();
  while (sent_.size() > count) {
    waiting_.push_front(std::move(sent_.back()));
    sent_.pop_back();
  }
}

/// A tunnel's two descriptors may be more than there is room for, while those behind it have one. To wait
/// would be in vain: that there is more room is only said in answer to a message.
void Migration::return_what_has_no_room() {
  Batch too_big;
  while (!waiting_.empty() && waiting_.front().descriptors() > room_) {
    too_big.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  for (auto& connection : too_big) on_returned_(std::move(connection));
}

void Migration::acknowledge(const std::vector<size_t>& refused, size_t room) {
  Batch told = std::exchange(sent_, {});
  room_ = room;
  for (const size_t place : refused) {
    if (place < told.size() && told[place].client.is_open()) on_returned_(std::move(told[place]));
  }
  if (!is_open()) return;
  if (room_ == 0) return close();
  send_next();
}

void Migration::close() {
  send_ = nullptr;
  if (on_closed_) on_closed_();
  for (auto& connection : std::exchange(sent_, {})) on_returned_(std::move(connection));
  for (auto& connection : std::exchange(waiting_, {})) on_returned_(std::move(connection));
}

void Migration::abandon() {
  send_ = nullptr;
  for (auto& connection : std::exchange(waiting_, {})) on_returned_(std::move(connection));
}

void Migration::pause(bool held) {
  held_ = held;
  if (is_open()) send_next();
}

Migration::Batch Migration::reclaim() {
  send_ = nullptr;
  held_ = false;
  Batch all = std::exchange(sent_, {});
  for (auto& connection : std::exchange(waiting_, {})) all.push_back(std::move(connection));
  return all;
}

}  // namespace sluice::control
