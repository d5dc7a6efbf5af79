// [server]: the process itself.
#include <sluice/base/text.h>

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr unsigned kMostWorkers = 256;
constexpr std::array kLogLevels = {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error};

unsigned allowed_cpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&cpus)), 1U, kMostWorkers);
}

void parse_log(Reader reader, LogSettings& log) {
  if (const auto level = reader.read_word("level", {"debug", "info", "warning", "error"})) {
    log.level = kLogLevels[*level];
  }
  if (const auto format = reader.read_word("format", {"text", "json"})) {
    log.format = *format == 0 ? LogFormat::text : LogFormat::json;
  }
  reader.read("path", log.path);
  if (log.path.empty()) reader.problem("path", "expected \"stderr\" or the path of a file");
  reader.finish();
}

void parse_access_log(Reader reader, std::optional<AccessLog>& access_log) {
  access_log.emplace();
  const bool has_path = reader.read("path", access_log->path);
  if (!reader.has("path") || (has_path && access_log->path.empty())) {
    reader.problem("path", "expected \"stdout\", \"stderr\" or the path of a file");
  }
  if (const auto format = reader.read_word("format", {"combined", "json", "host"})) {
    access_log->format = static_cast<AccessLogFormat>(*format);
  }
  reader.finish();
}

/// As chmod takes it.
std::optional<uint32_t> parse_mode(std::string_view text) {
  if (text.size() < 3 || text.size() > 4 || text.find_first_not_of("01234567") != std::string_view::npos) {
    return std::nullopt;
  }
  uint32_t mode = 0;
  for (const char digit : text) mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  return mode;
}

/// Its owner can always connect: an upgrade does.
void parse_socket_access(Reader& reader, Server& server) {
  std::string mode;
  if (reader.read("admin_socket_mode", mode)) {
    const auto bits = parse_mode(mode);
    constexpr uint32_t kOwner = 0600;
    const bool holds = bits && *bits <= 0777 && (*bits & kOwner) == kOwner;
    if (holds) server.admin_socket_mode = *bits;
    if (!holds) {
      reader.expected("admin_socket_mode", "permissions from \"0600\" to \"0777\", such as \"0660\"", mode);
    }
  }
  if (reader.read("admin_socket_group", server.admin_socket_group) &&
      !is_visible(server.admin_socket_group)) {
    reader.problem("admin_socket_group", "expected the name of a group, or its number");
  }
}

}  // namespace

void parse_server(Reader& root, Server& server) {
  if (auto reader = root.sub("server")) {
    reader->read_number("workers", server.workers, 0, kMostWorkers);
    reader->read("admin_socket", server.admin_socket);
    if (!Address::parse(concat({"unix:", server.admin_socket}))) {
      reader->problem("admin_socket", "expected the path of a Unix socket, of 1 to 107 bytes");
    }
    parse_socket_access(*reader, server);
    const bool has_state_file = reader->read("state_file", server.state_file);
    if (has_state_file && (server.state_file.empty() || server.state_file.ends_with('/'))) {
      reader->problem("state_file", "expected the path of a file, such as \"/var/lib/sluice/state.json\"");
    }
    reader->read_duration("drain_timeout", server.drain_timeout);
    reader->read_duration("takeover_timeout", server.takeover_timeout);
    parse_probation(*reader, server.probation);
    reader->read_number("max_connections", server.max_connections, 1, 10'000'000);
    if (auto log = reader->sub("log")) parse_log(*std::move(log), server.log);
    if (auto log = reader->sub("access_log")) parse_access_log(*std::move(log), server.access_log);
    if (reader->read("zone", server.zone) && !is_visible(server.zone)) {
      reader->problem("zone", "expected a name of visible ASCII characters without spaces");
    }
    reader->not_yet("observe");
    reader->finish();
  }
  if (server.workers == 0) server.workers = allowed_cpus();
}

}  // namespace sluice::config
