#include "demo/answer.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::demo {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 30;
constexpr uint64_t kLongestMilliseconds = uint64_t{24} * 60 * 60 * 1000;

uint64_t number(std::string_view text, uint64_t most) {
  return std::min(parse_unsigned(text).value_or(0), most);
}

Duration milliseconds(std::string_view text) {
  return Duration(static_cast<int64_t>(number(text, kLongestMilliseconds)));
}

Answer text(int status, std::string body) {
  return {.status = status, .body = std::move(body)};
}

Answer answer_ping(Ping ping) {
  switch (ping) {
    case Ping::ok:
      return text(200, "pong\n");
    case Ping::draining:
      return text(503, "pong\n");
    case Ping::fail:
      return text(500, "pong\n");
    case Ping::hang:
      return {.kind = Answer::Kind::none};
  }
  return {};
}

std::optional<Ping> ping_of(std::string_view word) {
  if (word == "ok") return Ping::ok;
  if (word == "draining") return Ping::draining;
  if (word == "fail") return Ping::fail;
  if (word == "hang") return Ping::hang;
  return std::nullopt;
}

Answer control_ping(std::string_view word, Ping& ping) {
  const auto wanted = ping_of(word);
  if (!wanted) return text(404, "no such ping\n");
  ping = *wanted;
  return text(200, "done\n");
}

/// Only final ones can be answered with; 1xx would leave the client waiting for more.
Answer answer_status(std::string_view code) {
  const auto status = parse_unsigned(code);
  if (!status || *status < 200 || *status > 999) return text(404, "no such status\n");
  return text(static_cast<int>(*status), "status\n");
}

Answer answer_stream(std::string_view parameters) {
  const auto slash = parameters.find('/');
  const bool says_when = slash != std::string_view::npos;
  return {.kind = Answer::Kind::stream,
          .chunks = number(parameters.substr(0, slash), UINT64_MAX),
          .chunk_every = std::max(Duration{1}, milliseconds(says_when ? parameters.substr(slash + 1) : ""))};
}

}  // namespace

bool wants_body(std::string_view path) {
  return path == "/echo";
}

Answer answer_to(std::string_view path, std::string body, const DemoAppOptions& options, Ping& ping) {
  const auto takes = [&path](std::string_view prefix) {
    if (!path.starts_with(prefix)) return false;
    path.remove_prefix(prefix.size());
    return true;
  };
  if (path == "/ping") return answer_ping(ping);
  if (path == "/hello") return {.body = "Hello World!\n", .delay = options.delay};
  if (path == "/echo") return text(200, std::move(body));
  if (path == "/abort") return {.kind = Answer::Kind::broken};
  if (path == "/abort-midway") {
    return {.kind = Answer::Kind::broken,
            .body = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly the beginning"};
  }
  if (path == "/garbage") return {.kind = Answer::Kind::broken, .body = "this is no HTTP at all\r\n\r\n"};
  if (takes("/bytes/")) return {.filler_bytes = number(path, kMostBytes)};
  if (takes("/slow/")) return {.body = "slow\n", .delay = milliseconds(path)};
  if (takes("/status/")) return answer_status(path);
  if (takes("/stream/")) return answer_stream(path);
  if (takes("/control/ping/")) return control_ping(path, ping);
  return text(404, "no such page\n");
}

}  // namespace sluice::demo
