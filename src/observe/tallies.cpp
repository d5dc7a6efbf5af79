#include <sluice/observe/tallies.h>

namespace sluice::observe {

std::string_view name(Event event) {
  switch (event) {
    case Event::retried:
      return "retried";
    case Event::held:
      return "held";
    case Event::cut:
      return "cut";
    case Event::failed:
      return "failed";
  }
  return "unknown";
}

Tallies::~Tallies() {
  for (Entry* each = first_.load(); each != nullptr;) {
    const std::unique_ptr<Entry> gone(each);
    each = each->next;
  }
}

Tally& Tallies::of(std::string_view pool, std::string_view version) {
  const auto found = known_.find({pool, version});
  if (found != known_.end()) return found->second->tally;
  if (known_.size() >= kMost && pool != kOthers) return of(kOthers, {});
  auto made = std::make_unique<Entry>();
  made->pool = pool;
  made->version = version;
  made->next = first_.load(std::memory_order_relaxed);
  known_[{made->pool, made->version}] = made.get();
  first_.store(made.get(), std::memory_order_release);
  return made.release()->tally;
}

void Tallies::add_to(TallySums& sums) const {
  for (const Entry* each = first_.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    for (size_t i = 0; i < kEvents * kCauses; ++i) {
      const auto event = static_cast<Event>(i / kCauses);
      const auto cause = static_cast<Cause>(i % kCauses);
      const uint64_t count = each->tally.get(event, cause);
      if (count == 0) continue;
      sums[{each->pool, each->version, event, std::string(name(cause))}] += count;
    }
  }
}

}  // namespace sluice::observe
