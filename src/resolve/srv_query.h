// Asks c-ares for SRV records: by the calls that its releases from 1.28 on want, or by those that the older
// ones have.
#pragma once

#include <ares.h>

#include <functional>
#include <string>
#include <vector>

#include "resolve/srv.h"

namespace sluice::resolve {

struct SrvAnswer {
  int status = 0;                    ///< as c-ares has it
  std::vector<SrvRecord> records{};  ///< in the message's order, those that say "not available" left out
  uint32_t lifetime = 0;             ///< seconds, the shortest of the answer's records; 0 when there is none
};

/// The callback runs once, perhaps before this returns, and with ARES_EDESTRUCTION when the channel ends
/// first.
void query_srv(ares_channel channel, const std::string& name, std::function<void(SrvAnswer)> on_answer);

}  // namespace sluice::resolve
