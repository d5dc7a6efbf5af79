#include <sluice/proxy/local_generation.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::proxy {
namespace {

/// The oldest first, and no more than `most`.
void cut(std::vector<Holder>& holders, size_t most) {
  const auto middle = holders.begin() + static_cast<std::ptrdiff_t>(std::min(most, holders.size()));
  std::ranges::partial_sort(holders, middle, std::ranges::greater(), &Holder::age);
  holders.erase(middle, holders.end());
}

}  // namespace

void end_drain(LocalGeneration& old, LocalGeneration& newest, unsigned worker) {
  // The last one that leaves takes the generation with it.
  List<Exchange, &Exchange::hook> rest;
  while (Exchange* each = old.inside.pop_front()) rest.push_back(*each);
  while (Exchange* each = rest.pop_front()) each->outlive_generation(newest, worker);
}

std::optional<Holder> running_in(const LocalGeneration& generation, std::string_view request_id) {
  for (Exchange* each = generation.inside.front(); each != nullptr; each = generation.inside.next(*each)) {
    if (each->request_id() == request_id) return each->as_holder();
  }
  return std::nullopt;
}

GenerationUse use_of(const LocalGeneration& generation, size_t most) {
  GenerationUse use{.number = generation.shared->number()};
  for (Exchange* each = generation.inside.front(); each != nullptr; each = generation.inside.next(*each)) {
    use.tunnels += each->is_tunnel() ? 1 : 0;
    use.earlier += each->generation() != use.number ? 1 : 0;
    use.oldest.push_back(each->as_holder());
    if (use.oldest.size() >= 2 * most + 64) cut(use.oldest, most);
  }
  cut(use.oldest, most);
  return use;
}

void add(GenerationUse& sum, GenerationUse more, size_t most) {
  sum.number = more.number;
  sum.tunnels += more.tunnels;
  sum.earlier += more.earlier;
  std::ranges::move(more.oldest, std::back_inserter(sum.oldest));
  cut(sum.oldest, most);
}

}  // namespace sluice::proxy
