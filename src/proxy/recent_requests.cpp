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
  const std::string_view wanted = RequestRecord::kept_id(id);
  std::vector<RequestRecord> found;
  for (const Ring* ring : {&notable_, &others_}) {
    for (size_t i = 0; i < ring->entries.size() && found.size() < most; ++i) {
      if (ring->back(i).id() == wanted) found.push_back(ring->back(i));
    }
  }
  return found;
}

std::vector<RequestRecord> RecentRequests::newest_notable(size_t most, Which which, std::string_view pool,
                                                          TimePoint since) const {
  const std::string_view wanted = RequestRecord::kept_pool(pool);
  std::vector<RequestRecord> newest;
  for (size_t i = 0; i < notable_.entries.size() && newest.size() < most; ++i) {
    const RequestRecord& record = notable_.back(i);
    const bool is_failure = entry(record.cause).disposition != observe::Disposition::ok;
    if (is_failure != (which == Which::failed) || record.ended < since) continue;
    if (pool.empty() || record.pool() == wanted) newest.push_back(record);
  }
  return newest;
}

}  // namespace sluice::proxy
