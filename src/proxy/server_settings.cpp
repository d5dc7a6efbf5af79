#include "proxy/server_settings.h"

namespace sluice::proxy {

wire::ServerSettings server_settings(const config::Config& config) {
  return {.head = {.bytes = config.limits.head_bytes,
                   .fields = config.limits.headers,
                   .target_bytes = config.limits.target_bytes},
          .body_bytes = config.limits.body_bytes,
          .body_bytes_per_second = config.limits.body_bytes_per_second,
          .requests_per_connection = config.limits.requests_per_connection,
          .head_timeout = config.timeouts.head,
          .body_timeout = config.timeouts.body,
          .write_timeout = config.timeouts.write,
          .idle_timeout = config.timeouts.idle,
          .linger_timeout = config.timeouts.linger};
}

}  // namespace sluice::proxy
