// The figures of README.md, made anew: what stands there is what the policies do.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "balance/readme_file.h"
#include "balance/test_tools.h"

namespace sluice::balance {
namespace {

constexpr size_t kRequests = 100'000;
constexpr size_t kBackends = 10;

std::string text(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

/// The farthest from fair that a backend's part is.
std::string error(const Named& named, std::vector<Candidate> candidates, size_t at_a_time) {
  const auto policy = make_policy(named.settings, 0);
  Pool pool(identified(std::move(candidates)), at_a_time);
  pool.serve(*policy, kRequests, named.by_key);
  return text("%.1f%%", pool.worst_error());
}

/// The most in flight to one backend in the long run, as percent of its fair share.
std::string peak(const Named& named) {
  const auto policy = make_policy(named.settings, 0);
  Pool pool(equals(kBackends), 200);
  double most = 0;
  Random random(2);
  for (size_t i = 0; i < kRequests; ++i) {
    // One key in ten is the same: a client that asks far more than the others.
    Request request;
    if (named.by_key) request.key = random.below(10) == 0 ? 1 : random.next();
    pool.serve_one(*policy, request);
    if (i < kRequests / 10) continue;
    for (const Candidate& candidate : pool.candidates()) most = std::max<double>(most, candidate.in_flight);
  }
  return text("%.0f%%", most * 100 / (200.0 / kBackends));
}

std::string moved(const std::vector<Candidate>& before, const std::vector<Candidate>& after,
                  const Named& named) {
  const auto policy = make_policy(named.settings, 0);
  const auto was = places(*policy, before, kRequests);
  policy->reset();
  const auto is = places(*policy, after, kRequests);
  size_t others = 0;
  for (size_t key = 0; key < was.size(); ++key) others += before[was[key]].id == after[is[key]].id ? 0 : 1;
  return text("%.1f%%", static_cast<double>(others) * 100 / kRequests);
}

std::string leaves(const Named& named) {
  auto after = equals(kBackends);
  after.erase(after.begin() + 4);
  return moved(equals(kBackends), after, named);
}

std::string joins(const Named& named) {
  return moved(equals(kBackends), equals(kBackends + 1), named);
}

std::string doubled(const Named& named) {
  auto after = equals(kBackends);
  after[4].weight = 2;
  return moved(equals(kBackends), after, named);
}

std::string table() {
  const std::vector<Candidate> weights = {{.weight = 1}, {.weight = 2}, {.weight = 3}, {.weight = 10}};
  std::string lines =
      "| policy | equal weights, one request at a time | weights 1, 2, 3, 10 | the same, 200 at a time "
      "| most in flight | keys that move when 1 of 10 leaves | an 11th joins | 1 of 10 doubles its weight |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Named& named : kinds()) {
    lines += "| `" + named.name + "` | " + error(named, std::vector<Candidate>(kBackends), 1) + " | " +
             error(named, weights, 1) + " | " + error(named, weights, 200) + " | " + peak(named) + " | ";
    lines += named.by_key ? leaves(named) + " | " + joins(named) + " | " + doubled(named) + " |\n"
                          : "- | - | - |\n";
  }
  return lines;
}

TEST_CASE("the README's figures are what the policies do") {
  const std::string made = table();
  std::ostringstream readme;
  readme << std::ifstream(SLUICE_BALANCE_README).rdbuf();
  INFO("the table as it is:\n" << made);
  CHECK(readme.str().find(made) != std::string::npos);
}

}  // namespace
}  // namespace sluice::balance
