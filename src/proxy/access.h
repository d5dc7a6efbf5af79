// What the access log says about a request. Pure, but for the time of day.
#pragma once

#include <sluice/config/config.h>
#include <sluice/http/head.h>
#include <sluice/observe/access_log.h>
#include <sluice/wire/stream.h>

#include <string>

namespace sluice::proxy {

/// What its head says, and now. Borrows the head; a refused request may have a request line alone.
observe::AccessRecord access_record(const http::RequestHead& head);

/// The client in front of the trusted proxies.
std::string original_client(const config::Config& config, const wire::ServerStream& client);

}  // namespace sluice::proxy
