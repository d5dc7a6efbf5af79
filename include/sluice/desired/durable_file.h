// A small file that is replaced whole, and is on disk before a write is acknowledged. It blocks: for control,
// never for a worker.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/desired/state_store.h>
#include <sluice/net/descriptor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::desired {

/// Locked for as long as it lives, by a file of the same name with ".lock" behind it (its own name belongs to
/// another file after each write). Errors say which path and why.
class DurableFile final : public StateStore::File {
 public:
  /// A process that is killed closes one descriptor after the other: the next may already be starting.
  static constexpr Duration kPatience{1000};
  /// Takes the lock; an error of code conflict when another process still has it after `patience`. Blocks so
  /// long.
  static Result<std::unique_ptr<DurableFile>> open(std::string path, Duration patience = kPatience);
  /// Another process has taken the lock and passed it on.
  static std::unique_ptr<DurableFile> adopt(std::string path, net::Descriptor lock);
  ~DurableFile() override;
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  Result<std::optional<std::string>> read() override;
  /// Written beside, synced, renamed, its directory synced.
  Result<void> write(std::string_view text) override;
  Result<void> prove(std::string_view text) const override;
  Result<std::string> set_aside() override;

  const std::string& path() const override { return path_; }
  int lock() const override { return lock_; }

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

/// State files on disk.
class DiskStore final : public StateStore {
 public:
  Result<std::unique_ptr<File>> open(std::string path) override;
  std::unique_ptr<File> adopt(std::string path, net::Descriptor lock) override;
};

}  // namespace sluice::desired
