// TOML as text, table by table, and the tables that a configuration is made of.
#pragma once

#include <sluice/config/config.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

/// A TOML basic string.
std::string in_quotes(std::string_view text);
std::string in_quotes(Duration duration);
std::string_view truth(bool value);
/// `[a, b]`, of values as they stand in the file.
std::string array(const std::vector<std::string>& values);
std::string quoted_array(const std::vector<std::string>& texts);
/// `{ key = value, ... }`, likewise.
std::string inline_table(const std::vector<std::pair<std::string, std::string>>& pairs);

/// One table of a file.
struct Section {
  std::string header;  ///< "[pool.\"shop\"]"
  std::string name;    ///< for people, and no two sections' alike: "pool shop"
  std::vector<std::pair<std::string, std::string>> lines{};  ///< key and value; a comment has no key
};

class Writer {
 public:
  void section(std::string header, std::string name);
  void line(std::string_view key, std::string_view value);
  void comment(std::string_view text);
  void number(std::string_view key, uint64_t value) { line(key, std::to_string(value)); }
  void flag(std::string_view key, bool value) { line(key, truth(value)); }
  const std::vector<Section>& sections() const { return sections_; }
  std::string text() const;

 private:
  std::vector<Section> sections_;
};

void write_server(Writer& out, const Server& server);
void write_listener(Writer& out, const Listener& listener);
void write_route(Writer& out, const Route& route);
void write_pool(Writer& out, const Pool& pool);
void write_limits(Writer& out, const Limits& limits);
void write_timeouts(Writer& out, const Timeouts& timeouts);
void write_resolver(Writer& out, const Resolver& resolver);
void write_forwarding(Writer& out, const Forwarding& forwarding);
void write_recent_requests(Writer& out, const RecentRequests& settings);
void write_proxy_status(Writer& out, const ProxyStatus& settings);
void write_errors(Writer& out, const Config& config);

}  // namespace sluice::config
