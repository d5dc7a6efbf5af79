// What the requests of one worker share.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/recent_requests.h>
#include <sluice/proxy/request_ids.h>
#include <sluice/proxy/split.h>

#include <string>

namespace sluice::proxy {

/// All references outlive it.
struct ExchangeContext {
  Deadlines& deadlines;
  observe::WorkerCounters& counters;
  observe::AccessLog& access;
  RequestIds ids{};
  SplitSequence turns{};
  RecentRequests recent{};
  std::string normal_path{};  ///< of the request that is being routed
  std::string replay{};       ///< room for the next body that is remembered
};

}  // namespace sluice::proxy
