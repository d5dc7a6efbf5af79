// TOML as text, line by line, and the parts of a configuration that have a file of their own.
#pragma once

#include <sluice/config/config.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

/// A TOML basic string.
std::string quoted(std::string_view text);
std::string quoted(Duration duration);
std::string_view truth(bool value);
/// `[a, b]`, of values as they stand in the file.
std::string array(const std::vector<std::string>& values);
std::string quoted_array(const std::vector<std::string>& texts);
/// `{ key = value, ... }`, likewise.
std::string inline_table(const std::vector<std::pair<std::string, std::string>>& pairs);

class Writer {
 public:
  void section(std::string_view header);
  void line(std::string_view key, std::string_view value);
  void comment(std::string_view text);
  void number(std::string_view key, uint64_t value) { line(key, std::to_string(value)); }
  void flag(std::string_view key, bool value) { line(key, truth(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_route(Writer& out, const Route& route);

}  // namespace sluice::config
