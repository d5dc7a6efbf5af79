// Objects that are used again instead of being freed: no allocation in the steady state.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace sluice {

/// One thread's. Outlives everything taken from it. T has a clear() that makes it as new, keeping its
/// capacity.
template <class T>
class FreeList {
 public:
  struct GiveBack {
    FreeList* list = nullptr;
    void operator()(T* item) const { list->give_back(std::unique_ptr<T>(item)); }
  };
  /// Owns its T until dropped, which gives it back.
  using Item = std::unique_ptr<T, GiveBack>;

  /// Keeps at most `most_kept` unused ones.
  explicit FreeList(size_t most_kept = 1024) : most_kept_(most_kept) {}
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;

  Item take() {
    if (unused_.empty()) return Item(new T, GiveBack{this});  // NOLINT: owned at once
    std::unique_ptr<T> item = std::move(unused_.back());
    unused_.pop_back();
    return Item(item.release(), GiveBack{this});
  }

 private:
  void give_back(std::unique_ptr<T> item) {
    if (unused_.size() >= most_kept_) return;
    item->clear();
    unused_.push_back(std::move(item));
  }

  size_t most_kept_;
  std::vector<std::unique_ptr<T>> unused_;
};

}  // namespace sluice
