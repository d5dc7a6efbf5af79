#include "config/toml_writer.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

namespace sluice::config {

std::string in_quotes(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += concat({"\\u00", kHex.substr(byte >> 4U, 1), kHex.substr(byte & 0xfU, 1)});
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out += '"';
}

std::string in_quotes(Duration duration) {
  return in_quotes(duration_text(duration));
}

std::string_view truth(bool value) {
  return value ? "true" : "false";
}

std::string array(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += concat({list.empty() ? "" : ", ", value});
  return concat({"[", list, "]"});
}

std::string quoted_array(const std::vector<std::string>& texts) {
  std::vector<std::string> values;
  for (const std::string& text : texts) values.push_back(in_quotes(text));
  return array(values);
}

std::string inline_table(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string list;
  for (const auto& [key, value] : pairs) list += concat({list.empty() ? "" : ", ", key, " = ", value});
  return concat({"{ ", list, " }"});
}

void Writer::section(std::string header, std::string name) {
  sections_.push_back({std::move(header), std::move(name)});
}

void Writer::line(std::string_view key, std::string_view value) {
  sections_.back().lines.emplace_back(key, value);
}

void Writer::comment(std::string_view text) {
  sections_.back().lines.emplace_back("", text);
}

std::string Writer::text() const {
  std::string out;
  for (const Section& section : sections_) {
    out += concat({out.empty() ? "" : "\n", section.header, "\n"});
    for (const auto& [key, value] : section.lines) {
      out += key.empty() ? concat({"# ", value, "\n"}) : concat({key, " = ", value, "\n"});
    }
  }
  return out;
}

}  // namespace sluice::config
