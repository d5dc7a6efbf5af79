#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/takeover/error_rate.h>

namespace sluice::takeover {
namespace {

using observe::Disposition;

/// Of Sluice or a backend. A request that is refused for its content says nothing of the process that refuses
/// it: any client can send such requests.
bool is_failure(Disposition disposition) {
  return disposition == Disposition::backend_error || disposition == Disposition::failed_unavailable ||
         disposition == Disposition::failed_stopped;
}

double share(const ErrorRate& figures) {
  if (figures.answers == 0) return 0;
  return static_cast<double>(figures.failures) / static_cast<double>(figures.answers);
}

}  // namespace

ErrorRate error_rate_of(const observe::Totals& totals) {
  ErrorRate figures;
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    const auto disposition = static_cast<Disposition>(i);
    if (disposition != Disposition::ok && !is_failure(disposition)) continue;
    figures.answers += totals.ended[i];
    if (is_failure(disposition)) figures.failures += totals.ended[i];
  }
  return figures;
}

ErrorRate since(const ErrorRate& earlier, const ErrorRate& now) {
  return {.answers = now.answers - earlier.answers, .failures = now.failures - earlier.failures};
}

std::string words(const ErrorRate& figures, std::string_view prefix) {
  return (field(concat({prefix, "answers"}), static_cast<long long>(figures.answers)) +
          field(concat({prefix, "failures"}), static_cast<long long>(figures.failures)));
}

bool is_worse(const ErrorRate& before, const ErrorRate& now, const config::Probation& probation) {
  return now.failures >= probation.failures && share(now) > 2 * share(before) + probation.percent / 100.0;
}

void RecentErrorRates::note(TimePoint now, ErrorRate figures) {
  noted_.emplace_back(now, figures);
  while (now - noted_.front().first > kSpan) noted_.pop_front();
}

ErrorRate RecentErrorRates::until(const ErrorRate& now) const {
  return noted_.empty() ? now : since(noted_.front().second, now);
}

}  // namespace sluice::takeover
