#include "observe/log_line.h"

#include <sluice/observe/events.h>

#include <array>
#include <cstdio>

namespace sluice::observe {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The length of the UTF-8 sequence that `text` starts with (RFC 3629 4), 0 when it starts with none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool is_overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool is_surrogate = first == 0xed && byte(1) >= 0xa0;
    return continues(1) && continues(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool is_overlong = first == 0xf0 && byte(1) < 0x90;
    const bool is_beyond = first == 0xf4 && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !is_overlong && !is_beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    length == 0 ? valid += "\xef\xbf\xbd" : valid += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      append_control(out, c);
    } else if (is_control(c)) {
      std::array<char, 8> escaped;
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped.data();
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

namespace {

/// `"event":"backend down","fields":{"pool":"shop","failures":3}`
void append_json_parts(std::string& out, const EventParts& parts) {
  out += "\"event\":";
  append_json_string(out, parts.what);
  out += ",\"fields\":{";
  for (size_t i = 0; i < parts.fields.size(); ++i) {
    const auto& [key, value] = parts.fields[i];
    if (i > 0) out += ',';
    append_json_string(out, key);
    out += ':';
    if (is_number(value)) {
      out += value;
    } else {
      append_json_string(out, value);
    }
  }
  out += '}';
}

}  // namespace

void append_log_line(std::string& out, LogFormat format, LogTime time, LogLevel level,
                     std::string_view message) {
  if (format == LogFormat::json) {
    out += "{\"time\":\"";
    append_iso_time(out, time);
    out += "\",\"level\":\"";
    out += name(level);
    out += "\",";
    append_json_parts(out, parts_of(message));
    out += "}\n";
    return;
  }
  append_iso_time(out, time);
  out += ' ';
  out += name(level);
  out += ' ';
  for (const char c : message) is_control(c) ? append_control(out, c) : out.push_back(c);
  out += '\n';
}

}  // namespace sluice::observe
