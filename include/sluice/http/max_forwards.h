// Max-Forwards of TRACE and OPTIONS (RFC 9110 7.6.2): the request that goes no further is ours to answer.
#pragma once

#include <sluice/http/head.h>

#include <string>

namespace sluice::http {

/// A TRACE or OPTIONS whose Max-Forwards is 0.
bool ends_here(const RequestHead& head);

/// The content of the answer to such a TRACE (RFC 9110 9.3.8): the head as it came, without the fields that
/// hold secrets.
std::string trace_content(const RequestHead& head);

}  // namespace sluice::http
