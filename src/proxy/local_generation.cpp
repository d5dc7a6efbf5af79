#include <sluice/proxy/local_generation.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::proxy {
namespace {

/// The oldest first, and no more than `most`.
void cut(std::vector<InFlightInfo>& holders, size_t most) {
  const auto middle = holders.begin() + static_cast<std::ptrdiff_t>(std::min(most, holders.size()));
  std::ranges::partial_sort(holders, middle, std::ranges::greater(), &InFlightInfo::age);
  holders.erase(middle, holders.end());
}

}  // namespace

void end_drain(LocalGeneration& old, LocalGeneration& newest, unsigned worker) {
  // The last request that leaves takes the generation with it.
  List<ActiveStream, &ActiveStream::hook> rest;
  while (ActiveStream* each = old.inside.pop_front()) rest.push_back(*each);
  while (ActiveStream* each = rest.pop_front()) each->outlive_generation(newest, worker);
}

std::optional<InFlightInfo> running_in(const LocalGeneration& generation, std::string_view request_id) {
  for (ActiveStream* each = generation.inside.front(); each != nullptr;
       each = generation.inside.next(*each)) {
    if (each->request_id() == request_id) return each->info();
  }
  return std::nullopt;
}

GenerationUse use_of(const LocalGeneration& generation, size_t most) {
  GenerationUse use{.number = generation.shared->number()};
  for (ActiveStream* each = generation.inside.front(); each != nullptr;
       each = generation.inside.next(*each)) {
    use.tunnels += each->is_tunnel() ? 1 : 0;
    use.carried_over += each->generation() != use.number ? 1 : 0;
    use.oldest.push_back(each->info());
    if (use.oldest.size() >= 2 * most + 64) cut(use.oldest, most);
  }
  cut(use.oldest, most);
  return use;
}

BackendUse use_of(const LocalGeneration& generation,
                  std::span<const std::shared_ptr<upstream::BackendState>> backends, size_t most) {
  BackendUse use;
  for (ActiveStream* each = generation.inside.front(); each != nullptr;
       each = generation.inside.next(*each)) {
    if (std::ranges::none_of(backends, [&](const auto& backend) { return each->is_at(*backend); })) continue;
    InFlightInfo holder = each->info();
    ++(each->is_tunnel() ? use.tunnels : use.requests);
    use.unbounded += each->is_tunnel() && !holder.cut_in ? 1 : 0;
    use.cut_in = std::max(use.cut_in, holder.cut_in.value_or(Duration::zero()));
    use.oldest.push_back(std::move(holder));
    if (use.oldest.size() >= 2 * most + 64) cut(use.oldest, most);
  }
  cut(use.oldest, most);
  return use;
}

void add(BackendUse& sum, BackendUse more, size_t most) {
  sum.requests += more.requests;
  sum.tunnels += more.tunnels;
  sum.unbounded += more.unbounded;
  sum.cut_in = std::max(sum.cut_in, more.cut_in);
  std::ranges::move(more.oldest, std::back_inserter(sum.oldest));
  cut(sum.oldest, most);
}

void add(GenerationUse& sum, GenerationUse more, size_t most) {
  sum.number = more.number;
  sum.tunnels += more.tunnels;
  sum.carried_over += more.carried_over;
  std::ranges::move(more.oldest, std::back_inserter(sum.oldest));
  cut(sum.oldest, most);
}

}  // namespace sluice::proxy
