// Random messages, valid and nearly so, in random pieces: a backend that believes nothing sees exactly what
// the client said, or nothing. SLUICE_SEED replays one.
#include <cstdlib>
#include <random>
#include <string>

#include "fixtures.h"
#include "plain_socket.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_); }
  bool chance(size_t in_a_hundred) { return below(100) < in_a_hundred; }
  template <size_t kSize>
  std::string one_of(const char* const (&choices)[kSize]) {
    return choices[below(kSize)];
  }

 private:
  std::mt19937 engine_;
};

std::string body_of(Dice& dice) {
  std::string body;
  const size_t size = dice.below(60);
  for (size_t i = 0; i < size; ++i) body += static_cast<char>(dice.below(256));
  return body;
}

std::string chunked(Dice& dice, const std::string& body) {
  std::string out;
  for (size_t used = 0; used < body.size();) {
    const size_t size = 1 + dice.below(body.size() - used);
    char digits[20];
    std::snprintf(digits, sizeof digits, dice.chance(50) ? "%zx" : "0%zX", size);
    out += digits + std::string(dice.chance(20) ? ";ext=1" : "") + "\r\n" + body.substr(used, size) + "\r\n";
    used += size;
  }
  return out + "0\r\n" + (dice.chance(20) ? "Sum: 7\r\n" : "") + "\r\n";
}

/// A request that nothing is wrong with.
std::string valid_request(Dice& dice, bool is_last) {
  std::string head = dice.one_of({"GET", "POST", "PUT", "DELETE", "PURGE", "OPTIONS"}) + " " +
                     dice.one_of({"/", "/a/b?c=d", "/%2F%41", "/x//y", "/\"<>", "http://h/abs"}) +
                     " HTTP/1.1\r\n";
  head += dice.one_of({"Host: h\r\n", "hOST:h\r\n", "Host: \t h:80 \r\n"});
  if (head.find("http://") != std::string::npos) head = head.substr(0, head.find("\r\n")) + "\r\nHost: h\r\n";
  if (dice.chance(40))
    head += dice.one_of({"X-A: b\r\n", "X-A:\r\n", "Cookie: a=b; c\r\n", "X-B: \x80\xff\r\n"});
  if (dice.chance(20)) head += "Connection: X-Hop\r\nX-Hop: 1\r\n";
  if (is_last) head += "Connection: close\r\n";
  const std::string body = body_of(dice);
  switch (dice.below(3)) {
    case 0:
      return head + "\r\n";
    case 1:
      return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    default:
      return head +
             dice.one_of({"Transfer-Encoding: chunked\r\n\r\n", "transfer-encoding:\tCHUNKED\r\n\r\n"}) +
             chunked(dice, body);
  }
}

/// Something small goes wrong, mostly where framing is.
void spoil(Dice& dice, std::string& message) {
  const size_t where = dice.below(message.size());
  const std::string junk = dice.one_of({"\r",
                                        "\n",
                                        "\r\n",
                                        " ",
                                        "\t",
                                        ":",
                                        ",",
                                        ";",
                                        "+",
                                        "-",
                                        "0",
                                        "5",
                                        "\x01",
                                        "\x80",
                                        "#",
                                        "Content-Length: 3\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "Transfer-Encoding: x\r\n",
                                        "Host: other\r\n",
                                        "0\r\n\r\n"});
  switch (dice.below(4)) {
    case 0:
      message.erase(where, 1 + dice.below(3));
      break;
    case 1:
      message.insert(where, junk);
      break;
    case 2:
      message.replace(where, 1, junk);
      break;
    default: {
      const size_t line = message.find("\r\n", where);
      if (line != std::string::npos) message.insert(line + 2, junk);
    }
  }
}

/// What a backend is to be asked for: of an absolute-form the part behind the authority, "/" when there is
/// none.
std::string target_of(const StrictRequest& request) {
  const std::string scheme = "http://";
  if (!request.target.starts_with(scheme)) return request.target;
  const auto path = request.target.find_first_of("/?", scheme.size());
  if (path == std::string::npos) return "/";
  return (request.target[path] == '?' ? "/" : "") + request.target.substr(path);
}

void play(const Proxy& proxy, int port, RecordingOrigin& origin, unsigned seed) {
  CAPTURE(seed);
  Dice dice(seed);
  const size_t count = 1 + dice.below(3);
  std::string message;
  for (size_t i = 0; i < count; ++i) message += valid_request(dice, i + 1 == count);
  const bool spoiled = dice.chance(60);
  if (spoiled) spoil(dice, message);
  CAPTURE(message);
  origin.forget();
  {
    PlainSocket client(port);
    for (size_t used = 0; used < message.size();) {
      const size_t size = std::min(message.size() - used, 1 + dice.below(dice.chance(50) ? 8 : 400));
      if (!client.send(std::string_view(message).substr(used, size))) break;
      used += size;
      if (dice.chance(20)) client.breathe();
    }
    client.receive_to_end(spoiled ? 100ms : 5000ms);
  }
  CHECK(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 0; }));
  const auto seen = origin.requests();
  CHECK(origin.violations().empty());
  if (!spoiled) CHECK(seen.size() == count);
  std::string_view left = message;
  for (const auto& request : seen) {
    const auto said = parse_request(left);
    REQUIRE(said.reading == Reading::complete);
    CHECK(request.method == said.method);
    CHECK(request.target == target_of(said));
    CHECK(request.body == said.body);
    left.remove_prefix(said.size);
  }
}

TEST_CASE("random messages reach the backend exactly as they were said, or not at all") {
  RecordingOrigin origin;
  const Proxy proxy(origin.pool() + "[timeouts]\nlinger = \"50ms\"\n", 1);
  REQUIRE(proxy.wait_for_healthy(1));
  const int port = proxy.port();
  const char* given = std::getenv("SLUICE_SEED");
  if (given != nullptr) return play(proxy, port, origin, static_cast<unsigned>(std::atoi(given)));
  const char* wanted = std::getenv("SLUICE_SEEDS");
  const auto seeds = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 400U;
  for (unsigned seed = 1; seed <= seeds; ++seed) play(proxy, port, origin, seed);
}

}  // namespace
}  // namespace sluice::e2e
