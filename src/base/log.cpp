#include <sluice/base/log.h>
#include <sluice/base/text.h>

#include <algorithm>
#include <cstdio>

namespace sluice {

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

std::optional<LogLevel> log_level(std::string_view word) {
  for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    if (name(level) == word) return level;
  }
  return std::nullopt;
}

void append_control(std::string& out, char c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else {
    char escaped[5];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += escaped;
  }
}

std::string field(std::string_view key, std::string_view value) {
  const auto needs_quotes = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=';
  };
  const bool plain = !value.empty() && std::ranges::none_of(value, needs_quotes);
  std::string text = concat({" ", key, "="});
  if (plain) return text.append(value);
  text += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      append_control(text, c);
    } else {
      text += c;
    }
  }
  return text += '"';
}

std::string field(std::string_view key, long long value) {
  return field(key, std::string_view(std::to_string(value)));
}

}  // namespace sluice
