// What is on its way in a run: requests as clients send them, answers as backends give them, and what has
// become of each.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "random.h"

namespace sluice::simulation {

/// Bytes that never repeat nearby, so that bytes of two bodies cannot be taken for each other's.
std::string_view pattern(size_t begin, size_t size);

struct Request {
  size_t number = 0;
  std::string method{};
  std::string target{};  ///< its own: ends with the number
  std::string_view body{};
  std::string bytes{};  ///< head and body, as they are sent
  size_t head_bytes = 0;
  bool is_old = false;  ///< HTTP/1.0
  bool asks_to_close = false;
  bool upgrades = false;
  bool expects_continue = false;
  bool has_key = false;  ///< an Idempotency-Key
  bool is_bad = false;   ///< broken off by bytes that are no HTTP

  bool is_sent = false;  ///< by the client, whole
  unsigned begun = 0;    ///< backends that have its head, and have not given it back
  unsigned seen = 0;     ///< likewise, and have it whole
};

struct RequestKind {
  bool asks_to_close = false;  ///< the last one of its connection
  bool is_elsewhere = false;   ///< no route takes it
};
Request make_request(Random& random, size_t number, RequestKind kind);

struct Answer {
  const Request* request = nullptr;
  int status = 0;
  std::string_view body{};   ///< of an answer to HEAD: what it would have been
  bool is_whole = false;     ///< all of it was sent
  bool is_forged = false;    ///< answers nothing
  bool is_received = false;  ///< by a client, whole
};

/// As many chunks as the dice want.
std::string in_chunks(Random& random, std::string_view body);
/// Small almost always; at times nothing, or more than what is buffered on the way.
size_t some_size(Random& random, size_t usual);

}  // namespace sluice::simulation
