// The vocabulary of the configuration file as plain values; every default stands here and nowhere else.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>
#include <sluice/base/log.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::config {

using namespace std::chrono_literals;

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string path = "stderr";
  bool operator==(const LogSettings&) const = default;
};

struct Server {
  unsigned workers = 0;  ///< never 0 once loaded: the default is the number of CPUs the process may run on
  std::string admin_socket = "/run/sluice/admin.sock";
  Duration drain_timeout = 30s;
  uint64_t max_connections = 20000;
  LogSettings log{};
  bool operator==(const Server&) const = default;
};

struct Listener {
  std::string name{};  ///< default: the address's text
  Address bind{};
  std::string where{};  ///< in the file, as "sluice.toml:3:8", for messages
  bool operator==(const Listener&) const = default;
};

struct Route {
  std::string host{};  ///< exact, "*.example", or empty for any; lower case
  std::string path = "/";
  bool strip_path = false;
  std::string pool{};
  bool operator==(const Route&) const = default;
};

struct Backend {
  Address address{};
  uint32_t weight = 1;    ///< 1 to 1000
  std::string version{};  ///< a tag for people and reports; may be empty
  bool drain = false;     ///< set by an admin drain: finishes what it has, gets nothing new
  bool operator==(const Backend&) const = default;
};

enum class Balance { round_robin };

struct Health {
  bool enabled = true;
  std::string path = "/ping";
  Duration interval = 1s;
  Duration timeout = 500ms;
  unsigned rise = 1;
  unsigned fall = 3;
  int expect = 200;
  bool operator==(const Health&) const = default;
};

struct Queue {
  uint64_t max = 1024;
  Duration timeout = 5s;
  bool operator==(const Queue&) const = default;
};

struct Retry {
  unsigned attempts = 3;
  uint64_t buffer_bytes = uint64_t{64} * 1024;
  bool non_idempotent = false;
  bool operator==(const Retry&) const = default;
};

struct PoolTimeouts {
  Duration connect = 2s;
  Duration response =
      60s;  ///< from the request's last byte to the response's head, and between two reads of its body
  Duration idle = 60s;  ///< of an unused backend connection
  bool operator==(const PoolTimeouts&) const = default;
};

struct Pool {
  std::string name{};
  Balance balance = Balance::round_robin;
  std::vector<Backend> backends{};
  Health health{};
  Queue queue{};
  Retry retry{};
  PoolTimeouts timeouts{};
  bool operator==(const Pool&) const = default;
};

/// Client side.
struct Limits {
  uint64_t head_bytes = uint64_t{32} * 1024;
  uint64_t headers = 100;
  std::optional<uint64_t> body_bytes{};  ///< nothing: no bound
  uint64_t requests_per_connection = 0;  ///< 0: no bound
  bool operator==(const Limits&) const = default;
};

/// Client side.
struct Timeouts {
  Duration head = 10s;
  Duration body = 30s;
  Duration write = 30s;
  Duration idle = 60s;
  bool operator==(const Timeouts&) const = default;
};

/// A whole, valid configuration. Pools are shared between configurations that agree on them, so that what did
/// not change is told by a pointer.
struct Config {
  Server server{};
  std::vector<Listener> listeners{};
  std::vector<Route> routes{};  ///< in the file's order; with one pool and no route: one route to it
  std::map<std::string, std::shared_ptr<const Pool>, std::less<>> pools{};
  Limits limits{};
  Timeouts timeouts{};
};

}  // namespace sluice::config
