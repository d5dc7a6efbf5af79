// What one line of the access log looks like. Pure.
#include "observe/access_line.h"

#include <sluice/base/log.h>

#include <array>
#include <charconv>

#include "observe/log_line.h"

namespace sluice::observe {
namespace {

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

enum class Spaces { stay, escaped };

/// Apache's own escapes: what could end the field, or the line, becomes \xhh.
void append_escaped(std::string& out, std::string_view text, Spaces spaces) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const unsigned char first = spaces == Spaces::stay ? 0x20 : 0x21;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= first && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    if (c == '\n' || c == '\r' || c == '\t') {
      append_control(out, c);
      continue;
    }
    out += "\\x";
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text.empty() ? "-" : text, Spaces::stay);
  out += '"';
}

/// Nothing quotes it: a space within would begin a pair of the client's making.
void append_pair(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += key;
  append_escaped(out, value, Spaces::escaped);
}

void append_pair_time(std::string& out, std::string_view key, const std::optional<Duration>& time) {
  if (!time) return;
  out += key;
  append_number(out, static_cast<uint64_t>(time->count()));
}

void append_combined(std::string& out, const AccessRecord& record) {
  append_escaped(out, record.client.empty() ? "-" : record.client, Spaces::escaped);
  out += " - - [";
  append_apache_time(out, record.time);
  out += "] ";
  append_quoted(out, record.request_line);
  out += ' ';
  append_number(out, static_cast<uint64_t>(record.status));
  out += ' ';
  append_number(out, record.sent);
  out += ' ';
  append_quoted(out, record.referer);
  out += ' ';
  append_quoted(out, record.user_agent);
  append_pair(out, " reason=", record.reason);
  append_pair(out, " pool=", record.pool);
  append_pair(out, " backend=", record.backend);
  append_pair(out, " request_id=", record.request_id);
  out += " attempts=";
  append_number(out, record.attempts);
  out += " generation=";
  append_number(out, record.generation);
  append_pair(out, " listener=", record.listener);
  append_pair(out, " route=", record.route);
  append_pair_time(out, " held_ms=", record.held);
  append_pair_time(out, " backend_ms=", record.backend_took);
  out += " ms=";
  append_number(out, static_cast<uint64_t>(record.took.count()));
  if (!record.probe.empty()) {  // Words, which only quotes hold together.
    out += " probe=";
    append_quoted(out, record.probe);
  }
  out += '\n';
}

void append_json_text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += key;
  out += "\":";
  append_json_string(out, value);
}

void append_json_number(std::string& out, std::string_view key, uint64_t value) {
  out += ",\"";
  out += key;
  out += "\":";
  append_number(out, value);
}

void append_json_time(std::string& out, std::string_view key, const std::optional<Duration>& time) {
  if (time) append_json_number(out, key, static_cast<uint64_t>(time->count()));
}

void append_json(std::string& out, const AccessRecord& record) {
  out += "{\"time\":\"";
  append_iso_time(out, record.time);
  out += '"';
  append_json_text(out, "client", record.client);
  append_json_text(out, "request", record.request_line);
  append_json_text(out, "host", record.host);
  append_json_number(out, "status", static_cast<uint64_t>(record.status));
  append_json_text(out, "disposition", name(record.disposition));
  append_json_text(out, "reason", record.reason);
  append_json_number(out, "sent", record.sent);
  append_json_number(out, "received", record.received);
  append_json_number(out, "ms", static_cast<uint64_t>(record.took.count()));
  append_json_time(out, "held_ms", record.held);
  append_json_time(out, "backend_ms", record.backend_took);
  append_json_text(out, "listener", record.listener);
  append_json_text(out, "route", record.route);
  append_json_text(out, "pool", record.pool);
  append_json_text(out, "backend", record.backend);
  append_json_number(out, "attempts", record.attempts);
  append_json_number(out, "generation", record.generation);
  append_json_text(out, "request_id", record.request_id);
  append_json_text(out, "referer", record.referer);
  append_json_text(out, "user_agent", record.user_agent);
  append_json_text(out, "probe", record.probe);
  out += "}\n";
}

}  // namespace

void append_access_line(std::string& out, AccessFormat format, const AccessRecord& record) {
  if (format == AccessFormat::json) return append_json(out, record);
  if (format == AccessFormat::host) {
    append_escaped(out, record.host.empty() ? "-" : record.host, Spaces::escaped);
    out += ' ';
  }
  append_combined(out, record);
}

void append_access_notice(std::string& out, AccessFormat format, LogTime time, std::string_view notice) {
  const bool is_json = format == AccessFormat::json;
  out += is_json ? "{\"time\":\"" : "# ";
  append_iso_time(out, time);
  out += is_json ? "\",\"notice\":" : " ";
  is_json ? append_json_string(out, notice) : append_escaped(out, notice, Spaces::stay);
  out += is_json ? "}\n" : "\n";
}

}  // namespace sluice::observe
