// server.probation: a duration, or a table of what a new process is judged by.
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr uint64_t kMostFailures = 1'000'000;
constexpr uint64_t kMostPercent = 100;

}  // namespace

void parse_probation(Reader& server, Probation& probation) {
  const Value* given = server.take("probation");
  if (given == nullptr) return;
  if (given->kind != Value::Kind::table) {
    return server.read_duration("probation", probation.time, Reader::Zero::allowed);
  }
  Reader reader(*given, server.key_path("probation"), server.report());
  reader.read_duration("time", probation.time, Reader::Zero::allowed);
  reader.read_number("failures", probation.failures, 1, kMostFailures);
  reader.read_number("percent", probation.percent, 0, kMostPercent);
  reader.finish();
}

}  // namespace sluice::config
