// The parts of the file, each read by its own function into the part of Config that it describes.
#pragma once

#include "config/reader.h"

namespace sluice::config {

/// What a backend's table says beside its address.
void parse_backend_settings(Reader& reader, Backend& backend);
/// A backend in either spelling that is given by name; nothing when it is not.
std::optional<NamedBackends> parse_named_backends(Reader& pool, const Value& value, const std::string& key);

// Each takes its keys from `root`, the table of the whole file.
void parse_server(Reader& root, Server& server);
void parse_probation(Reader& server, Probation& probation);
void parse_listeners(Reader& root, std::vector<Listener>& listeners);
void parse_pools(Reader& root, Config& config);
/// After the pools, which routes name.
void parse_routes(Reader& root, Config& config);
void parse_errors(Reader& root, Config& config);
void parse_forwarding(Reader& root, Forwarding& forwarding);
void parse_proxy_status(Reader& root, ProxyStatus& settings);
void parse_recent_requests(Reader& root, RecentRequests& settings);
void parse_resolver(Reader& root, Resolver& resolver);
void parse_limits(Reader& root, Limits& limits);
void parse_timeouts(Reader& root, Timeouts& timeouts);

// Each takes its key from `pool`, the table of one pool.
void parse_balance(Reader& pool, Balance& balance);
/// After its backends.
void parse_health(Reader& reader, Pool& pool);
void parse_retry(Reader& pool, Retry& retry);
void parse_ejection(Reader& pool, Ejection& ejection);
void parse_drain_header(Reader& pool, DrainHeader& header);

/// Why a field of this name cannot be edited; empty when it can.
std::string field_name_problem(std::string_view name);

// Each takes its key from `route`, the table of one route.
/// `key`: header or cookie.
void parse_match(Reader& route, std::string_view key, std::optional<FieldMatch>& match);
/// Its pool or its split.
void parse_pool_of_route(Reader& reader, const Config& config, Route& route);
void parse_redirect(Reader& route, std::optional<Redirect>& redirect);
void parse_respond(Reader& route, std::optional<FixedResponse>& respond);
/// Reports a name, given by `key`, of which no field may be edited or taken away.
void check_field_name(Reader& reader, std::string_view key, std::string_view name);
/// `key`: request_fields or response_fields.
void parse_fields(Reader& route, std::string_view key, FieldEdits& edits);

}  // namespace sluice::config
