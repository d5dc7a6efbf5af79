#include <sluice/proxy/recent_requests.h>

#include <algorithm>
#include <utility>

namespace sluice::proxy {

void RecentRequests::Ring::resize(size_t size) {
  if (size == most) return;
  std::vector<RequestRecord> kept;
  kept.reserve(size);
  for (size_t left = std::min(size, entries.size()); left > 0; --left) kept.push_back(back(left - 1));
  entries = std::move(kept);
  most = size;
  next = 0;
}

/// The room is there since resize().
RequestRecord& RecentRequests::Ring::take() {
  if (entries.size() < most) return entries.emplace_back();
  RequestRecord& oldest = entries[next];
  next = next + 1 == most ? 0 : next + 1;
  return oldest;
}

const RequestRecord& RecentRequests::Ring::back(size_t index) const {
  return entries[(next + entries.size() - 1 - index) % entries.size()];
}

void RecentRequests::configure(const config::RecentRequests& settings) {
  notable_.resize(settings.notable);
  others_.resize(settings.others);
  slow_ = settings.slow;
}

RequestRecord* RecentRequests::next(bool is_notable) {
  Ring& ring = is_notable ? notable_ : others_;
  return ring.most == 0 ? nullptr : &ring.take();
}

std::vector<RequestRecord> RecentRequests::find(std::string_view id, size_t most) const {
  decltype(RequestRecord::id) wanted;  // As it was kept.
  wanted = id;
  std::vector<RequestRecord> found;
  for (const Ring* ring : {&notable_, &others_}) {
    for (size_t i = 0; i < ring->entries.size() && found.size() < most; ++i) {
      if (ring->back(i).id.view() == wanted.view()) found.push_back(ring->back(i));
    }
  }
  return found;
}

std::vector<RequestRecord> RecentRequests::newest_notable(size_t most) const {
  std::vector<RequestRecord> newest;
  const size_t count = std::min(most, notable_.entries.size());
  for (size_t i = 0; i < count; ++i) newest.push_back(notable_.back(i));
  return newest;
}

}  // namespace sluice::proxy
