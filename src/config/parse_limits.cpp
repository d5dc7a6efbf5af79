// [limits] and [timeouts]: what a client may ask for, and how long it may take.
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kLeastTarget = 64;
constexpr uint64_t kMostBody = uint64_t{1} << 50;

void parse_body(Reader& reader, std::optional<uint64_t>& body_bytes) {
  const Value* given = reader.take("body");
  if (given == nullptr || (given->kind == Value::Kind::string && given->text == "none")) return;
  if (given->kind != Value::Kind::string) {
    return reader.expected("body", "\"none\" or a size such as \"10MiB\"", given->kind_words());
  }
  uint64_t bytes = 0;
  reader.read_size("body", bytes, 0, kMostBody);
  body_bytes = bytes;
}

}  // namespace

void parse_limits(Reader& root, Limits& limits) {
  auto reader = root.sub("limits");
  if (!reader) return;
  reader->read_size("head", limits.head_bytes, kKiB, 16 * kMiB);
  reader->read_number("headers", limits.headers, 1, 10'000);
  reader->read_size("target", limits.target_bytes, kLeastTarget, 16 * kMiB);
  parse_body(*reader, limits.body_bytes);
  reader->read_size("body_rate", limits.body_bytes_per_second, 0, kMostBody);
  reader->read_number("requests_per_connection", limits.requests_per_connection, 0, UINT32_MAX);
  reader->read_number("connections_per_client", limits.connections_per_client, 0, UINT32_MAX);
  reader->read_size("response_head", limits.response_head_bytes, kKiB, 16 * kMiB);
  reader->read_number("response_headers", limits.response_headers, 1, 10'000);
  reader->finish();
}

void parse_timeouts(Reader& root, Timeouts& timeouts) {
  auto reader = root.sub("timeouts");
  if (!reader) return;
  reader->read_duration("head", timeouts.head);
  reader->read_duration("body", timeouts.body);
  reader->read_duration("write", timeouts.write);
  reader->read_duration("idle", timeouts.idle);
  reader->read_duration("tunnel", timeouts.tunnel);
  reader->read_duration("tunnel_half_closed", timeouts.tunnel_half_closed);
  reader->read_duration("linger", timeouts.linger);
  reader->finish();
}

}  // namespace sluice::config
