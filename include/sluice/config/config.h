// The vocabulary of the configuration file as plain values; every default stands here and nowhere else.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/base/network.h>
#include <sluice/config/balance.h>
#include <sluice/config/ejection.h>
#include <sluice/config/health.h>
#include <sluice/config/names.h>
#include <sluice/config/probation.h>
#include <sluice/config/proxy_status.h>
#include <sluice/config/recent_requests.h>
#include <sluice/config/retry.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::config {

using namespace std::chrono_literals;

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string path = "stderr";
  bool operator==(const LogSettings&) const = default;
};

enum class AccessLogFormat { combined, json, host };

struct AccessLog {
  std::string path{};  ///< of a file, or "stdout" or "stderr"
  AccessLogFormat format = AccessLogFormat::combined;
  bool operator==(const AccessLog&) const = default;
};

struct Server {
  unsigned workers = 0;  ///< never 0 once loaded: the default is the number of CPUs the process may run on
  std::string admin_socket = "/run/sluice/admin.sock";
  uint32_t admin_socket_mode = 0600;  ///< permissions of its file
  std::string admin_socket_group{};   ///< a name or a number; empty: the process's own
  std::string state_file{};           ///< where admin changes outlive the process; empty: they do not
  Duration drain_timeout = 30s;
  Duration takeover_timeout = 10s;  ///< for a new process to be ready
  Probation probation{};
  uint64_t max_connections = 20000;
  std::string zone{};  ///< where the process is; empty: nowhere in particular
  LogSettings log{};
  std::optional<AccessLog> access_log{};  ///< nothing: none is written
  bool operator==(const Server&) const = default;
};

struct Listener {
  std::string name{};  ///< default: the address's text
  Address bind{};
  bool proxy_protocol = false;  ///< each connection begins with a PROXY protocol header
  std::string where{};          ///< in the file, as "sluice.toml:3:8", for messages
  bool operator==(const Listener&) const = default;
};

/// Which peers are believed about the client, and what backends learn of it.
struct Forwarding {
  std::vector<Network> trusted_proxies{};
  bool trust_unix = false;     ///< peers of Unix sockets are trusted
  bool say_forwarded = false;  ///< also RFC 7239's Forwarded
  bool say_request_id = true;  ///< X-Request-Id
  std::string via = "sluice";  ///< the name in Via, of requests and responses; empty: none is added
  bool operator==(const Forwarding&) const = default;
};

/// In this order: what goes, what is replaced, what is added. Names as in the file.
struct FieldEdits {
  std::vector<std::string> remove{};
  std::vector<std::pair<std::string, std::string>> set{};
  std::vector<std::pair<std::string, std::string>> add{};
  bool operator==(const FieldEdits&) const = default;
};

struct Redirect {
  std::string to{};  ///< with {host} (without a port) and {target}
  int status = 308;
  bool operator==(const Redirect&) const = default;
};

struct FixedResponse {
  int status = 200;
  std::string body{};
  std::string content_type = "text/plain";
  bool operator==(const FixedResponse&) const = default;
};

/// A pool's part of a route's requests.
struct PoolShare {
  std::string pool{};
  uint32_t weight = 0;  ///< beside the others'; 0 to 1000, and not 0 for all
  bool operator==(const PoolShare&) const = default;
};

/// What a request must have for a route to take it.
struct FieldMatch {
  std::string name{};                  ///< of a header (in any case) or a cookie
  std::optional<std::string> value{};  ///< the whole of it; nothing: any
  bool operator==(const FieldMatch&) const = default;
};

/// Which spelling of a request's path a route is compared with.
enum class PathMatch : uint8_t {
  normalised,  ///< every spelling of the same path (base/uri_path.h)
  raw,         ///< the client's, byte for byte
};

struct Route {
  std::string name{};  ///< for commands and people; may be empty
  std::string host{};  ///< exact, "*.example", or empty for any; lower case
  std::string path = "/";
  PathMatch path_match = PathMatch::normalised;
  std::optional<FieldMatch> header{};
  std::optional<FieldMatch> cookie{};
  bool strip_path = false;
  std::optional<std::string> rewrite_path{};      ///< stands in place of `path`
  std::string rewrite_host{};                     ///< the Host to ask for; empty: the client's
  std::vector<std::string> upgrade{"websocket"};  ///< protocols that may become tunnels, lower case
  FieldEdits request_fields{};
  FieldEdits response_fields{};
  // Exactly one of:
  std::string pool{};
  std::vector<PoolShare> split{};  ///< by the pool's name, each once
  std::optional<Redirect> redirect{};
  std::optional<FixedResponse> respond{};
  bool operator==(const Route&) const = default;

  bool has_pool() const { return !pool.empty() || !split.empty(); }
};

struct Backend {
  Address address{};
  uint32_t weight = 1;        ///< 0 to 1000; 0: no new requests but of clients that a sticky cookie keeps
  std::string version{};      ///< a tag for people and reports; may be empty
  uint32_t max_requests = 0;  ///< at a time, of all workers; 0: no bound
  uint8_t priority = 0;       ///< 0 to 9; those with a higher one stand by for those with a lower one
  std::string zone{};         ///< where it is; may be empty
  std::string name{};         ///< the host name that its address comes from; else empty
  bool drain = false;         ///< set by an admin drain: finishes what it has, gets nothing new
  bool operator==(const Backend&) const = default;
};

/// A backend for each address that the name leads to.
struct NamedBackends {
  HostName name{};
  Backend like{};  ///< all but the address; weight and priority unless SRV records say them
  bool operator==(const NamedBackends&) const = default;
};

struct Queue {
  uint64_t max = 1024;
  Duration timeout = 5s;
  bool operator==(const Queue&) const = default;
};

struct PoolTimeouts {
  Duration connect = 2s;
  Duration response =
      60s;  ///< from the request's last byte to the response's head, and between two reads of its body
  Duration idle = 60s;            ///< of an unused backend connection
  Duration expect_continue = 1s;  ///< then Sluice says 100 itself; 0: never
  Duration tunnel_drain = 20s;    ///< how long a tunnel goes on once its backend drains; 0: no bound
  bool operator==(const PoolTimeouts&) const = default;
};

enum class ProxyProtocol { none, v1, v2 };

/// What becomes of requests while every backend of a pool is down.
enum class WhenAllDown : uint8_t {
  queue,       ///< they wait
  try_anyway,  ///< backends that are down, or not proven yet, are tried all the same
};

/// Whether requests are held in the queue. Of an admin, never of the file.
enum class Pause {
  none,
  until_resumed,  ///< each waits as long as the queue lets it
  timed,          ///< it ends by itself, and the queue's time counts from then
};

struct Pool {
  std::string name{};
  Balance balance{};
  std::vector<Backend> backends{};
  std::vector<NamedBackends> names{};  ///< each name once
  Duration resolve_interval{};         ///< between two looks for their addresses; 0: the records say it
  Health health{};
  Duration slow_start{};  ///< in which one that becomes healthy gets all of its weight; 0: at once
  WhenAllDown when_all_down = WhenAllDown::queue;
  Ejection ejection{};
  DrainHeader drain_header{};
  Queue queue{};
  Retry retry{};
  PoolTimeouts timeouts{};
  ProxyProtocol proxy_protocol = ProxyProtocol::none;  ///< how backends learn the client's address
  bool keep_alive = true;  ///< a connection to a backend may serve several requests
  Pause pause = Pause::none;
  bool operator==(const Pool&) const = default;
};

/// Client side, but for a response's head.
struct Limits {
  uint64_t head_bytes = uint64_t{32} * 1024;
  uint64_t headers = 100;
  uint64_t target_bytes = uint64_t{8} * 1024;
  std::optional<uint64_t> body_bytes{};  ///< nothing: no bound
  uint64_t body_bytes_per_second = 0;    ///< on average, once a body has taken timeouts.body; 0: no bound
  uint64_t requests_per_connection = 0;  ///< 0: no bound
  uint64_t connections_per_client = 0;   ///< 0: no bound
  uint64_t response_head_bytes = uint64_t{256} * 1024;  ///< from a backend
  uint64_t response_headers = 1000;                     ///< in it
  bool operator==(const Limits&) const = default;
};

/// Client side.
struct Timeouts {
  Duration head = 10s;
  Duration body = 30s;
  Duration write = 30s;
  Duration idle = 60s;
  Duration tunnel = 1h;               ///< a tunnel on which nothing moves either way
  Duration tunnel_half_closed = 60s;  ///< ... and that one side has ended
  Duration linger = 2s;               ///< for a client to read a last answer
  bool operator==(const Timeouts&) const = default;
};

/// What stands in place of Sluice's own short body.
struct ErrorPage {
  std::string path{};
  std::string content_type{};
  std::string body{};
  bool operator==(const ErrorPage&) const = default;
};

/// A whole, valid configuration. Pools are shared between configurations that agree on them, so that equal
/// pointers show what did not change.
struct Config {
  Server server{};
  std::vector<Listener> listeners{};
  std::vector<Route> routes{};  ///< in the file's order; with one pool and no route: one route to it
  std::map<std::string, std::shared_ptr<const Pool>, std::less<>> pools{};
  Limits limits{};
  Timeouts timeouts{};
  Forwarding forwarding{};
  ProxyStatus proxy_status{};
  RecentRequests recent_requests{};
  Resolver resolver{};
  std::map<int, std::shared_ptr<const ErrorPage>> errors{};  ///< by status
};

}  // namespace sluice::config
