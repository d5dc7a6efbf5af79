// A log's file that takes whole lines. For a writer thread alone: every call may wait.
#pragma once

#include <sluice/observe/losses.h>

#include <memory>
#include <string_view>
#include <utility>

#include "observe/output_file.h"

namespace sluice::observe {

class LineFile {
 public:
  explicit LineFile(OutputFile file) : file_(std::move(file)) {}

  /// Whole lines. Those that the file does not take are counted as lost. False when there are such.
  bool put(std::string_view lines, Losses& losses);
  /// The same for a line of the log's own, which is not counted.
  bool put_notice(std::string_view line, Losses& losses);

 private:
  std::string_view write(std::string_view lines);

  OutputFile file_;
  int why_ = 0;
  bool is_torn_ = false;
};

uint64_t count_lines(std::string_view text);

}  // namespace sluice::observe
