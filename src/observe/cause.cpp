#include <sluice/observe/cause.h>

#include <array>

namespace sluice::observe {
namespace {

using D = Disposition;

// The error types are those that IANA registers (RFC 9209 2.3).
constexpr std::array<CauseEntry, kCauses> kEntries = {{
    {Cause::ok, "ok", D::ok, 0, "", ""},
    {Cause::tunnel, "tunnel", D::ok, 0, "", ""},
    {Cause::tunnel_idle, "tunnel_idle", D::ok, 0, "", "nothing moved in the tunnel for too long"},
    {Cause::tunnel_drained, "tunnel_drained", D::ok, 0, "", "the tunnel's backend left"},
    {Cause::redirect, "redirect", D::ok, 0, "proxy_internal_response", "a redirect of the route"},
    {Cause::fixed_response, "fixed_response", D::ok, 0, "proxy_internal_response", "a response of the route"},
    {Cause::max_forwards, "max_forwards", D::ok, 200, "proxy_internal_response", "Max-Forwards is 0"},

    {Cause::bad_request, "bad_request", D::failed_bad_request, 400, "http_request_error",
     "the request breaks the rules of HTTP"},
    {Cause::body_too_large, "body_too_large", D::failed_bad_request, 413, "http_request_error",
     "the request body is over the limit"},
    {Cause::target_too_long, "target_too_long", D::failed_bad_request, 414, "http_request_error",
     "the request target is over the limit"},
    {Cause::bad_expectation, "bad_expectation", D::failed_bad_request, 417, "http_request_error",
     "an expectation other than 100-continue"},
    {Cause::too_many_connections, "too_many_connections", D::failed_bad_request, 429, "http_request_denied",
     "too many connections of this client"},
    {Cause::head_too_large, "head_too_large", D::failed_bad_request, 431, "http_request_error",
     "the request head is over the limit"},
    {Cause::not_implemented, "not_implemented", D::failed_bad_request, 501, "http_request_error",
     "the request asks for what is not offered here"},
    {Cause::bad_version, "bad_version", D::failed_bad_request, 505, "http_request_error",
     "an HTTP version other than 1.0 and 1.1"},
    {Cause::client_timeout, "client_timeout", D::failed_client_timeout, 408, "http_request_error",
     "the client took too long"},
    {Cause::no_route, "no_route", D::failed_no_route, 404, "destination_not_found",
     "no route takes this request"},

    {Cause::queue_full, "queue_full", D::failed_unavailable, 503, "destination_unavailable",
     "no backend is available, and too many requests wait"},
    {Cause::queue_timeout, "queue_timeout", D::failed_unavailable, 503, "destination_unavailable",
     "no backend became available in time"},
    {Cause::pool_gone, "pool_gone", D::failed_unavailable, 503, "destination_unavailable",
     "the pool is gone"},
    {Cause::connect_refused, "connect_refused", D::failed_unavailable, 503, "connection_refused",
     "no backend takes connections"},
    {Cause::connect_timeout, "connect_timeout", D::failed_unavailable, 503, "connection_timeout",
     "no backend took the connection in time"},
    {Cause::no_descriptors, "no_descriptors", D::failed_unavailable, 503, "proxy_internal_error",
     "too many connections"},

    {Cause::backend_closed, "backend_closed", D::backend_error, 502, "connection_terminated",
     "the backend closed the connection without a response"},
    {Cause::backend_incomplete, "backend_incomplete", D::backend_error, 502, "http_response_incomplete",
     "the backend's response broke off"},
    {Cause::backend_malformed, "backend_malformed", D::backend_error, 502, "http_protocol_error",
     "the backend's response breaks the rules of HTTP"},
    {Cause::backend_head_too_large, "backend_head_too_large", D::backend_error, 502,
     "http_response_header_section_size", "the head of the backend's response is over the limit"},
    {Cause::backend_upgrade, "backend_upgrade", D::backend_error, 502, "http_upgrade_failed",
     "the backend switched to another protocol than was asked for"},
    {Cause::backend_timeout, "backend_timeout", D::backend_error, 504, "http_response_timeout",
     "the backend took too long"},
    {Cause::retry_budget, "retry_budget", D::backend_error, 502, "destination_unavailable",
     "the backend failed, and the pool's retries are used up"},
    {Cause::hedged, "hedged", D::ok, 0, "", "an attempt at another backend answered first"},
    {Cause::partial_post, "partial_post", D::backend_error, 502, "http_response_incomplete",
     "a backend that drains gave the request back"},

    {Cause::client_gone, "client_gone", D::client_abort, 0, "", "the client went away"},
    {Cause::stopped, "stopped", D::failed_stopped, 503, "proxy_internal_error",
     "the process stopped before there was a response"},
}};

consteval bool is_in_order() {
  for (size_t i = 0; i < kCauses; ++i) {
    if (static_cast<size_t>(kEntries[i].cause) != i) return false;
  }
  return true;
}
static_assert(is_in_order());

}  // namespace

const CauseEntry& entry(Cause cause) {
  return kEntries[static_cast<size_t>(cause)];
}

}  // namespace sluice::observe
