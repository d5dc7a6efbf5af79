// A pool's retry: what it does about attempts that fail.
#include <sluice/config/retry.h>

#include "config/parse.h"
#include "config/toml_writer.h"

namespace sluice::config {
namespace {

constexpr uint64_t kMostBuffer = uint64_t{16} << 20;
constexpr unsigned kMostBudget = 1000;
constexpr unsigned kMostMinimum = 1'000'000;

}  // namespace

void parse_retry(Reader& pool, Retry& retry) {
  auto reader = pool.sub("retry");
  if (!reader) return;
  reader->read_number("attempts", retry.attempts, 1, 100);
  reader->read_size("buffer", retry.buffer_bytes, 0, kMostBuffer);
  reader->read("non_idempotent", retry.non_idempotent);
  reader->read("idempotency_key", retry.idempotency_key);
  reader->read_duration("attempt_timeout", retry.attempt_timeout, Reader::Zero::allowed);
  reader->read_number("budget", retry.budget, 0, kMostBudget);
  reader->read_number("budget_minimum", retry.budget_minimum, 0, kMostMinimum);
  reader->read_duration("trust_idle", retry.trust_idle, Reader::Zero::allowed);
  reader->read("partial_post", retry.partial_post);
  reader->read("hold", retry.hold);
  reader->read_duration("hedge", retry.hedge, Reader::Zero::allowed);
  reader->finish();
}

std::string retry_text(const Retry& retry) {
  return inline_table({{"attempts", std::to_string(retry.attempts)},
                       {"buffer", in_quotes(size_text(retry.buffer_bytes))},
                       {"non_idempotent", std::string(truth(retry.non_idempotent))},
                       {"idempotency_key", std::string(truth(retry.idempotency_key))},
                       {"attempt_timeout", in_quotes(retry.attempt_timeout)},
                       {"budget", std::to_string(retry.budget)},
                       {"budget_minimum", std::to_string(retry.budget_minimum)},
                       {"trust_idle", in_quotes(retry.trust_idle)},
                       {"partial_post", std::string(truth(retry.partial_post))},
                       {"hold", std::string(truth(retry.hold))},
                       {"hedge", in_quotes(retry.hedge)}});
}

}  // namespace sluice::config
