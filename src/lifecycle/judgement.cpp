#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/lifecycle/judgement.h>

namespace sluice::lifecycle {
namespace {

using observe::Disposition;

double share(const Figures& figures) {
  if (figures.answers == 0) return 0;
  return static_cast<double>(figures.failures) / static_cast<double>(figures.answers);
}

}  // namespace

Figures figures_of(const Totals& totals) {
  Figures figures;
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    const auto disposition = static_cast<Disposition>(i);
    if (disposition == Disposition::client_abort) continue;
    figures.answers += totals.ended[i];
    if (disposition != Disposition::ok) figures.failures += totals.ended[i];
  }
  return figures;
}

Figures since(const Figures& earlier, const Figures& now) {
  return {.answers = now.answers - earlier.answers, .failures = now.failures - earlier.failures};
}

std::string words(const Figures& figures, std::string_view prefix) {
  return (field(concat({prefix, "answers"}), static_cast<long long>(figures.answers)) +
          field(concat({prefix, "failures"}), static_cast<long long>(figures.failures)));
}

bool is_worse(const Figures& before, const Figures& now, const config::Probation& probation) {
  return now.failures >= probation.failures && share(now) > 2 * share(before) + probation.percent / 100.0;
}

void RecentFigures::note(TimePoint now, Figures figures) {
  noted_.emplace_back(now, figures);
  while (now - noted_.front().first > kSpan) noted_.pop_front();
}

Figures RecentFigures::until(const Figures& now) const {
  return noted_.empty() ? now : since(noted_.front().second, now);
}

}  // namespace sluice::lifecycle
