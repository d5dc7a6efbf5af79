// The file that a log goes to. Opening never waits for a reader; writing is for a writer thread alone, since
// every call may wait.
#pragma once

#include <sluice/base/result.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::observe {

/// Owns its descriptor, unless that is stdout's or stderr's.
class OutputFile {
 public:
  /// "stderr", "stdout", or a file, which is appended to and made when it is not there. A named pipe that no
  /// process reads is an error.
  static Result<OutputFile> open(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  struct Written {
    size_t bytes = 0;
    int why = 0;  ///< an errno, when that is not all
  };
  /// All of it, as far as there is any way to.
  Written write(std::string_view text) const;

 private:
  explicit OutputFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sluice::observe
