// State files in a test's memory.
#pragma once

#include <sluice/desired/state_store.h>

#include <fcntl.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace sluice::desired {

/// Outlives its files. What fails is the test's to say, from now on.
class MemoryStore final : public StateStore {
 public:
  std::map<std::string, std::string> texts{};  ///< by path
  std::optional<Error> no_reading{};           ///< why nothing can be read
  std::optional<Error> no_writing{};           ///< why nothing can be written

  Result<std::unique_ptr<StateStore::File>> open(std::string path) override {
    if (owners_.contains(path)) {
      return Error{.code = ErrorCode::conflict, .message = "another process has " + path};
    }
    return std::unique_ptr<StateStore::File>(
        std::make_unique<File>(*this, std::move(path), net::Descriptor()));
  }
  std::unique_ptr<StateStore::File> adopt(std::string path, net::Descriptor lock) override {
    return std::make_unique<File>(*this, std::move(path), std::move(lock));
  }

 private:
  class File final : public StateStore::File {
   public:
    File(MemoryStore& store, std::string path, net::Descriptor lock)
        : store_(store), path_(std::move(path)), lock_(std::move(lock)) {
      store_.owners_.insert(path_);
      if (!lock_.is_open()) lock_ = net::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    ~File() override { store_.owners_.erase(store_.owners_.find(path_)); }

    Result<std::optional<std::string>> read() override {
      if (store_.no_reading) return *store_.no_reading;
      const auto found = store_.texts.find(path_);
      return found == store_.texts.end() ? std::nullopt : std::optional(found->second);
    }
    Result<void> write(std::string_view text) override {
      if (auto may = prove(text); !may) return may;
      store_.texts[path_] = std::string(text);
      return {};
    }
    Result<void> prove(std::string_view) const override {
      return store_.no_writing ? Result<void>(*store_.no_writing) : Result<void>();
    }
    Result<std::string> set_aside() override {
      std::string aside = path_ + ".damaged";
      while (store_.texts.contains(aside)) aside += "-";
      auto text = store_.texts.extract(path_);
      text.key() = aside;
      store_.texts.insert(std::move(text));
      return aside;
    }
    const std::string& path() const override { return path_; }
    int lock() const override { return lock_.get(); }

   private:
    MemoryStore& store_;
    std::string path_;
    net::Descriptor lock_;
  };

  std::multiset<std::string> owners_;  // of files that are open
};

}  // namespace sluice::desired
