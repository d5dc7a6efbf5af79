#include "admin/columns.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace sluice::admin {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kNone = "-";

struct Row {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string notes;
};

Row row_of(std::string_view line) {
  Row row;
  for (auto token = take_token(line); !token.empty(); token = take_token(line)) {
    const auto equals = token.find('=');
    const bool is_field = equals != std::string_view::npos && equals > 0 && token.find('"') >= equals;
    if (is_field) {
      row.fields.emplace_back(token.substr(0, equals), token.substr(equals + 1));
    } else if (row.fields.empty()) {
      row.words.emplace_back(token);
    } else {
      row.notes += (row.notes.empty() ? "" : " ") + std::string(token);
    }
  }
  return row;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return out;
}

using Cells = std::vector<std::string>;

std::vector<std::string> aligned(const std::vector<Cells>& table) {
  std::vector<size_t> widths(table.front().size());
  for (const Cells& cells : table) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::vector<std::string> lines;
  for (const Cells& cells : table) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += cells[i] + std::string(widths[i] - cells[i].size(), ' ');
      line += kGap;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::string_view take_token(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  bool is_quoted = false;
  size_t end = 0;
  for (; end < line.size() && (is_quoted || line[end] != ' '); ++end) {
    if (line[end] == '\\' && is_quoted) {
      ++end;
    } else if (line[end] == '"') {
      is_quoted = !is_quoted;
    }
  }
  const auto token = line.substr(0, end);
  line.remove_prefix(std::min(end, line.size()));
  return token;
}

std::vector<std::string> in_columns(const std::vector<std::string>& lines,
                                    const std::vector<std::string_view>& words) {
  std::vector<Row> rows;
  size_t most_words = 0;
  std::vector<std::string> keys;
  for (const auto& line : lines) {
    rows.push_back(row_of(line));
    most_words = std::max(most_words, rows.back().words.size());
    for (const auto& [key, value] : rows.back().fields) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  if (keys.empty()) return lines;
  std::vector<Cells> table(1);
  for (size_t i = 0; i < most_words; ++i) table[0].push_back(i < words.size() ? upper(words[i]) : "");
  for (const auto& key : keys) table[0].push_back(upper(key));
  table[0].emplace_back();  // notes
  for (const Row& row : rows) {
    Cells cells = row.words;
    cells.resize(most_words, std::string(kNone));
    for (const auto& key : keys) {
      const auto found = std::ranges::find(row.fields, key, &std::pair<std::string, std::string>::first);
      cells.push_back(found == row.fields.end() ? std::string(kNone) : found->second);
    }
    cells.push_back(row.notes);
    table.push_back(std::move(cells));
  }
  return aligned(table);
}

}  // namespace sluice::admin
