// What the demo application answers, as a plain value: paths in, answers out. Sends nothing.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/demo/demo_app.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::demo {

/// What /ping does.
enum class Ping : uint8_t { ok, draining, fail, hang };

struct Answer {
  enum class Kind : uint8_t {
    response,  ///< a status and a body of known length
    stream,    ///< a body in `chunks` chunks
    broken,    ///< `body` as it is, no HTTP around it, then a reset
    none,      ///< nothing ever comes
  };
  Kind kind = Kind::response;
  int status = 200;
  std::string body{};
  uint64_t filler_bytes = 0;  ///< so many 'x' behind the body
  uint64_t chunks = 0;
  Duration chunk_every{};
  Duration delay{};  ///< before the first byte
};

/// The only path that wants to have the request's body; it is dropped for all others.
bool wants_body(std::string_view path);

/// `body` is the request's. /control changes `ping`.
Answer answer_to(std::string_view path, std::string body, const DemoAppOptions& options, Ping& ping);

}  // namespace sluice::demo
