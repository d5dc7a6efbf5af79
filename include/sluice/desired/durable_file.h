// A small file that is replaced whole, and is on disk before a write is acknowledged. It blocks: for control,
// never for a worker.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::desired {

/// Locked for as long as it lives, by a file of the same name with ".lock" behind it (its own name belongs to
/// another file after each write). Errors say which path and why.
class DurableFile {
 public:
  /// A process that is killed closes one descriptor after the other: the next may already be starting.
  static constexpr Duration kPatience{1000};
  /// Takes the lock; an error of code conflict when another process still has it after `patience`. Blocks so
  /// long.
  static Result<std::unique_ptr<DurableFile>> open(std::string path, Duration patience = kPatience);
  /// Another process has taken the lock and passed it on.
  static std::unique_ptr<DurableFile> adopt(std::string path, net::Descriptor lock);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  /// What it says; nothing when there is none. An error of code too_large when it is longer than we write.
  Result<std::optional<std::string>> read();

  /// Replaces it: written beside, synced, renamed, its directory synced. An error leaves what was there.
  Result<void> write(std::string_view text);

  /// An error when write() could not do it now. Leaves what was there.
  Result<void> prove(std::string_view text) const;

  /// Renames it out of the way; its new path.
  Result<std::string> set_aside();

  const std::string& path() const { return path_; }
  /// A process that has a copy of it has the lock, too, until the last copy is closed.
  int lock() const { return lock_; }

 private:
  DurableFile(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string beside() const { return path_ + ".new"; }
  Result<void> write_beside(std::string_view text) const;
  Result<void> replace(std::string_view text);
  void put_back();

  std::string path_;
  int lock_;
  std::optional<std::string> content_;  // what is known to be there
};

}  // namespace sluice::desired
