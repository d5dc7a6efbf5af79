// Where state files are: on disk, or in a test's memory.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::desired {

/// Control's: it may block.
class StateStore {
 public:
  /// The file at one path, which no other process has as long as this lives. Errors say which path and why.
  class File {
   public:
    virtual ~File() = default;

    /// What it says; nothing when there is none. An error of code too_large when it is longer than we write.
    virtual Result<std::optional<std::string>> read() = 0;
    /// Replaces it, and it stays so: it outlives the process and the machine. An error leaves what was there.
    virtual Result<void> write(std::string_view text) = 0;
    /// An error when write() could not do it now. Leaves what was there.
    virtual Result<void> prove(std::string_view text) const = 0;
    /// Moves it out of the way; its new path.
    virtual Result<std::string> set_aside() = 0;

    virtual const std::string& path() const = 0;
    /// A process that has a copy of it has the file, too, until the last copy is closed.
    virtual int lock() const = 0;
  };

  virtual ~StateStore() = default;

  /// An error of code conflict when another process has the file. May wait a while for that one to end.
  virtual Result<std::unique_ptr<File>> open(std::string path) = 0;
  /// Another process has opened the file, and passed a copy of its lock on.
  virtual std::unique_ptr<File> adopt(std::string path, net::Descriptor lock) = 0;
};

}  // namespace sluice::desired
