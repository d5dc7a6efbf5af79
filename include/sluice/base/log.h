// The log: one line, lower case, key=value, the fact first. A writer thread does the writing, so that no log
// line can ever stall a worker; at its bound the backlog drops lines and says how many.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { text, json };

/// The word of a level.
std::string_view name(LogLevel level);

/// The level with this word (debug, info, warning, error), or nothing.
std::optional<LogLevel> log_level(std::string_view word);

/// Where lines go. Any thread may write.
class Log {
 public:
  virtual ~Log() = default;
  /// `line` is the fact and its key=value pairs, without time and level.
  virtual void write(LogLevel level, std::string_view line) = 0;

  void debug(std::string_view line) { write(LogLevel::debug, line); }
  void info(std::string_view line) { write(LogLevel::info, line); }
  void warning(std::string_view line) { write(LogLevel::warning, line); }
  void error(std::string_view line) { write(LogLevel::error, line); }
};

/// A log that forgets everything, for tests.
class NoLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
};

/// Appends a control byte as \n, \r, \t or \xhh.
void append_control(std::string& out, char c);

/// ` key=value`, the value quoted where it has to be (spaces, quotes, control bytes, or empty).
std::string field(std::string_view key, std::string_view value);
std::string field(std::string_view key, long long value);

}  // namespace sluice
