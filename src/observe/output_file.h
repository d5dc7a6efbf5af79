// The file that a log goes to. For a writer thread alone: every call may block.
#pragma once

#include <sluice/base/result.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::observe {

/// Owns its descriptor, unless that is stdout's or stderr's.
class OutputFile {
 public:
  /// "stderr", "stdout", or a file, which is appended to and made when it is not there.
  static Result<OutputFile> open(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  /// All of it, as far as there is any way to; the count of bytes that went out.
  size_t write(std::string_view text) const;

 private:
  explicit OutputFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sluice::observe
