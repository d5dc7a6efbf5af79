#include <sluice/base/check.h>
#include <sluice/lifecycle/departures.h>
#include <sluice/net/fd_passing.h>

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;  // of what was read, in one message

}  // namespace

void Departures::open(size_t room, Send send) {
  CHECK(!is_open());
  if (room == 0) return close();
  room_ = room;
  send_ = std::move(send);
  send_next();
}

void Departures::add(proxy::MovedConnection connection) {
  if (!is_open()) return on_returned_(std::move(connection));
  waiting_.push_back(std::move(connection));
  send_next();
}

void Departures::send_next() {
  if (!sent_.empty() || waiting_.empty()) return;
  const size_t most = std::min({waiting_.size(), room_, net::kMostDescriptorsInMessage});
  size_t bytes = 0;
  while (sent_.size() < most && bytes <= kMostBytes) {
    bytes += waiting_.front().record.at.bytes.size();
    sent_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  const size_t count = send_(sent_);
  if (count == 0) return close();
  while (sent_.size() > count) {
    waiting_.push_front(std::move(sent_.back()));
    sent_.pop_back();
  }
}

void Departures::taken(const std::vector<size_t>& refused, size_t room) {
  Batch told = std::exchange(sent_, {});
  room_ = room;
  for (const size_t place : refused) {
    if (place < told.size() && told[place].client.is_open()) on_returned_(std::move(told[place]));
  }
  if (!is_open()) return;
  if (room_ == 0) return close();
  send_next();
}

void Departures::close() {
  send_ = nullptr;
  if (on_closed_) on_closed_();
  for (auto& connection : std::exchange(sent_, {})) on_returned_(std::move(connection));
  for (auto& connection : std::exchange(waiting_, {})) on_returned_(std::move(connection));
}

}  // namespace sluice::lifecycle
