// How a pool's backends are asked for their health.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

enum class ProbeType : uint8_t {
  http,   ///< a request; its answer is judged
  https,  ///< the same within TLS
  tcp,    ///< a backend that accepts the connection is healthy
};

/// Both ends count.
struct StatusRange {
  int first = 200;
  int last = 200;
  bool operator==(const StatusRange&) const = default;
};

/// The statuses that are a success. 503 is none, whatever they say: it means draining.
using ExpectedStatuses = std::vector<StatusRange>;
bool is_expected(const ExpectedStatuses& expected, int status);

/// Which servers an https probe trusts.
struct ProbeTls {
  bool verify = true;         ///< a certificate for the name, of a known authority
  std::string ca_path{};      ///< of `ca`; empty: the system's authorities are the known ones
  std::string ca{};           ///< certificates in PEM, as they stood there
  std::string server_name{};  ///< lower case; empty: the host of Health::host, or the backend's address
  bool operator==(const ProbeTls&) const = default;
};

struct Health {
  bool enabled = true;
  ProbeType type = ProbeType::http;
  std::string path = "/ping";
  Duration interval{1000};
  Duration fast_interval{200};  ///< while a state is changing; never above `interval`
  Duration timeout{500};
  Duration initial_delay{};  ///< for a backend that nothing is known of to be asked first
  unsigned rise = 1;
  unsigned fall = 3;
  ExpectedStatuses expect{{200, 200}};
  std::string body{};  ///< what the response's must contain, in its first 64 KiB; empty: anything
  std::string host{};  ///< the Host to ask for; empty: the backend's address
  std::vector<std::pair<std::string, std::string>> headers{};  ///< more fields, names as in the file
  uint16_t port = 0;  ///< where to ask; 0: the backend's. Of Unix sockets it says nothing
  ProbeTls tls{};
  bool operator==(const Health&) const = default;
};

/// As the file spells them: `200`, `"200-399"`, `[200, "300-399"]`.
std::string expect_text(const ExpectedStatuses& expected);
/// For people: `GET /ping every 1s, expects 200`.
std::string probe_text(const Health& health);
/// The whole of it, as TOML.
std::string health_text(const Health& health);

}  // namespace sluice::config
