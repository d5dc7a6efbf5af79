// Connections to simulated backends, as they are opened: the seam at which upstream gets transports in
// memory.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/wait.h>
#include <sluice/net/transport.h>
#include <sluice/upstream/connections.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace sluice::simulation {

Address address_of(size_t backend);

/// A connect that is under way, or was given up.
struct Dialling {
  size_t backend = 0;
  Pending<Result<std::unique_ptr<net::Transport>>> pending{};
};
/// The oldest first.
using Diallings = std::vector<std::unique_ptr<Dialling>>;

/// Puts each connect into `diallings`; HTTP/1 is spoken on what comes of it, with heads written to `out`
/// first. All outlive the connections.
upstream::Connector simulated_connector(Deadlines& deadlines, std::string& out, Diallings& diallings);

}  // namespace sluice::simulation
