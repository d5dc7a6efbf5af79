// Logins that hold for a connection, not for a request: NTLM, and Negotiate (RFC 4559) where it comes to
// NTLM. The backend takes later requests on that connection for the same user's. Pure.
#pragma once

#include <sluice/http/head.h>

namespace sluice::http {

/// The request logs in on its connection, or goes on with that. `Basic` and the like are of one request
/// alone.
bool logs_connection_in(const RequestHead& head);

/// The response is a 401 or a 407 that asks for such a login.
bool asks_for_connection_login(const ResponseHead& head);

}  // namespace sluice::http
