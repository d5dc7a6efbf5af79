// Objects that are used again instead of being freed: no allocation in the steady state.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace sluice {

template <class T>
class FreeList;

/// What a list's objects derive from. Each knows its list, so that its owner need not: an Item is one word.
template <class T>
class FreeListed {
  friend class FreeList<T>;
  FreeList<T>* free_list_ = nullptr;
};

/// One thread's. Outlives everything taken from it. T is a FreeListed<T>, and has a clear() that makes it as
/// new, keeping its capacity.
template <class T>
class FreeList {
 public:
  struct GiveBack {
    void operator()(T* item) const { list_of(*item).give_back(std::unique_ptr<T>(item)); }
  };
  /// Owns its T until dropped, which gives it back.
  using Item = std::unique_ptr<T, GiveBack>;

  /// Keeps at most `most_kept` unused ones.
  explicit FreeList(size_t most_kept = 1024) : most_kept_(most_kept) {}
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;

  Item take() {
    if (unused_.empty()) {
      auto item = std::make_unique<T>();
      static_cast<FreeListed<T>&>(*item).free_list_ = this;
      return Item(item.release());
    }
    std::unique_ptr<T> item = std::move(unused_.back());
    unused_.pop_back();
    return Item(item.release());
  }

 private:
  static FreeList& list_of(FreeListed<T>& item) { return *item.free_list_; }
  void give_back(std::unique_ptr<T> item) {
    if (unused_.size() >= most_kept_) return;
    item->clear();
    unused_.push_back(std::move(item));
  }

  size_t most_kept_;
  std::vector<std::unique_ptr<T>> unused_;
};

}  // namespace sluice
