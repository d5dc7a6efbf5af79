#include "observe/line_file.h"

#include <algorithm>

namespace sluice::observe {

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count(text, '\n'));
}

bool LineFile::put(std::string_view lines, Losses& losses) {
  if (lines.empty()) return true;
  const auto left = write(lines);
  losses.note_write(left.empty());
  if (!left.empty()) losses.add(count_lines(left), why_);
  return left.empty();
}

bool LineFile::put_notice(std::string_view line, Losses& losses) {
  const bool is_taken = write(line).empty();
  losses.note_write(is_taken);
  return is_taken;
}

/// What the file did not take. A line that it took a part of, on a full disk, does not spoil the next.
std::string_view LineFile::write(std::string_view lines) {
  const auto end_torn_line = [this] {
    const auto [bytes, why] = file_.write("\n");
    if (bytes == 1) is_torn_ = false;
    why_ = why;
  };
  if (is_torn_) end_torn_line();
  if (is_torn_) return lines;
  const auto [bytes, why] = file_.write(lines);
  why_ = why;
  if (bytes > 0) is_torn_ = lines[bytes - 1] != '\n';
  return lines.substr(bytes);
}

}  // namespace sluice::observe
