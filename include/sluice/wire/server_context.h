// What the clients' connections of one worker share, and the bounds on them.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/free_list.h>
#include <sluice/http/date.h>
#include <sluice/http/head.h>
#include <sluice/http/head_decoder.h>
#include <sluice/wire/resting.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::wire {

/// Bounds on a client; 0 means none, unless said otherwise.
struct ServerSettings {
  http::HeadLimits head{};
  std::optional<uint64_t> body_bytes{};
  uint64_t body_bytes_per_second = 0;  ///< on average, once a body has taken body_timeout
  uint64_t requests_per_connection = 0;
  Duration head_timeout{};        ///< from a head's first byte to its last
  Duration body_timeout{};        ///< between two reads of a body
  Duration write_timeout{};       ///< for a client that takes nothing
  Duration idle_timeout{};        ///< between requests
  Duration linger_timeout{2000};  ///< for the client to read a last answer
};

/// A request's head, and what reads it. A connection that rests has neither.
struct RequestReading : FreeListed<RequestReading> {
  http::RequestHead head{};
  http::HeadDecoder decoder{http::HeadDecoder::Of::request, {}};

  void clear() {
    head.clear();
    decoder.clear();
  }
};

/// What connections of one worker share.
struct ServerContext {
  Deadlines& deadlines;
  ServerSettings settings;  ///< replaced at reload; read anew for each request
  FreeList<RequestReading> readings;
  std::string out;  ///< heads are written here first
  http::DateField date{};
  RestingConnections resting{};
};

}  // namespace sluice::wire
