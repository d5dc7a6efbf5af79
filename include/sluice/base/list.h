// A doubly linked list through members of its elements: no allocation, and an element leaves by itself.
#pragma once

#include <sluice/base/check.h>

namespace sluice {

/// The member by which an element hangs in a list. Leaves its list when destroyed. Neither copies nor moves.
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  bool is_linked() const { return next_ != this; }
  void unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }

 private:
  template <class T, ListHook T::*>
  friend class List;
  void insert_before(ListHook& position) {
    SLUICE_CHECK(!is_linked());
    previous_ = position.previous_;
    next_ = &position;
    previous_->next_ = this;
    position.previous_ = this;
  }

  ListHook* previous_ = this;
  ListHook* next_ = this;
};

/// Borrows its elements, which leave it when they are destroyed. One thread's.
template <class T, ListHook T::*kHook>
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { clear(); }

  bool empty() const { return !head_.is_linked(); }
  /// The first or last element, or nullptr.
  T* front() const { return empty() ? nullptr : element(head_.next_); }
  T* back() const { return empty() ? nullptr : element(head_.previous_); }
  /// The element after this one, or nullptr.
  T* next(T& item) const {
    ListHook* hook = (item.*kHook).next_;
    return hook == &head_ ? nullptr : element(hook);
  }

  void push_back(T& item) { (item.*kHook).insert_before(head_); }
  void push_front(T& item) { (item.*kHook).insert_before(*head_.next_); }
  T* pop_front() {
    T* item = front();
    if (item != nullptr) (item->*kHook).unlink();
    return item;
  }
  void clear() {
    while (!empty()) head_.next_->unlink();
  }

 private:
  static T* element(ListHook* hook) {
    // The distance from an element to its hook, taken as offsetof takes it.
    alignas(T) static char place[sizeof(T)];
    const auto* origin = reinterpret_cast<const T*>(place);
    const auto distance = reinterpret_cast<const char*>(&(origin->*kHook)) - place;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - distance);
  }

  ListHook head_;
};

}  // namespace sluice
