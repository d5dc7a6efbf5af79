// [recent_requests]: what is kept of requests that have ended.
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr uint64_t kMostRecent = 100'000;

}  // namespace

void parse_recent_requests(Reader& root, RecentRequests& settings) {
  auto reader = root.sub("recent_requests");
  if (!reader) return;
  reader->read_number("notable", settings.notable, 0, kMostRecent);
  reader->read_number("others", settings.others, 0, kMostRecent);
  reader->read_duration("slow", settings.slow);
  reader->finish();
}

}  // namespace sluice::config
