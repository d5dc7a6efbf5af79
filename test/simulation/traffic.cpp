#include "traffic.h"

#include <array>
#include <charconv>

namespace sluice::simulation {

std::string_view pattern(size_t begin, size_t size) {
  constexpr size_t kBytes = size_t{1} << 17;
  static const std::string bytes = [] {
    std::string made(kBytes, ' ');
    Random random(1);
    for (char& byte : made) byte = static_cast<char>(random.below(256));
    return made;
  }();
  return std::string_view(bytes).substr(begin, size);
}

size_t some_size(Random& random, size_t usual) {
  const size_t kind = random.below(100);
  if (kind < 10) return kind == 0 ? random.below(size_t{40} * 1000) : 0;
  return random.below(usual);
}

std::string in_chunks(Random& random, std::string_view body) {
  std::string chunks;
  while (!body.empty()) {
    const size_t size = random.piece(body.size());
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), size, 16).ptr;
    chunks.append(digits.begin(), end).append("\r\n").append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  return chunks + "0\r\n\r\n";
}

namespace {

void add_body(Random& random, Request& request) {
  request.body = pattern(request.number * 977 % 50'000, 1 + some_size(random, 600));
  const bool is_chunked = !request.is_old && random.chance(50);
  request.expects_continue = !request.is_old && random.chance(20);
  if (request.expects_continue) request.bytes += "Expect: 100-continue\r\n";
  std::string body(request.body);
  if (is_chunked) {
    request.bytes += "Transfer-Encoding: chunked\r\n\r\n";
    body = in_chunks(random, request.body);
    request.is_bad = random.chance(3);
    if (request.is_bad) body.replace(body.size() - 5, 3, "zz\r");
  } else {
    request.bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  }
  request.head_bytes = request.bytes.size();
  request.bytes += body;
}

}  // namespace

Request make_request(Random& random, size_t number, RequestKind kind) {
  const bool has_body = random.chance(40);
  constexpr std::array kWithBody = {"POST", "PUT"};
  constexpr std::array kWithout = {"GET", "GET", "GET", "HEAD", "POST"};
  Request request{.number = number,
                  .method = has_body ? kWithBody[random.below(2)] : kWithout[random.below(5)],
                  .target = (kind.is_elsewhere ? "/elsewhere/" : "/taken/") + std::to_string(number),
                  .is_old = random.chance(8)};
  request.has_key = request.method == "POST" && random.chance(50);
  request.upgrades = request.method == "GET" && !request.is_old && random.chance(15);
  request.asks_to_close = !request.upgrades && kind.asks_to_close;
  request.bytes = request.method + " " + request.target + (request.is_old ? " HTTP/1.0" : " HTTP/1.1") +
                  "\r\nHost: h\r\nX-Own: " + request.target + "\r\n";
  if (request.has_key) request.bytes += "Idempotency-Key: one\r\n";
  if (request.asks_to_close) request.bytes += "Connection: close\r\n";
  if (request.is_old && !request.asks_to_close) request.bytes += "Connection: keep-alive\r\n";
  if (request.upgrades) request.bytes += "Connection: upgrade\r\nUpgrade: websocket\r\n";
  if (!has_body && random.chance(2)) {
    request.is_bad = true;
    request.bytes += "no field\r\n";
  }
  if (has_body) {
    add_body(random, request);
    return request;
  }
  request.bytes += request.method == "POST" ? "Content-Length: 0\r\n\r\n" : "\r\n";
  request.head_bytes = request.bytes.size();
  return request;
}

}  // namespace sluice::simulation
