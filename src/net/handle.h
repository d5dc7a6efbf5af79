// A libuv handle that closes safely: its C struct belongs to the loop from close() on, and close first cuts
// the one pointer that ties it to its owner, so that no callback can reach what is gone.
#pragma once

#include <memory>
#include <utility>

#include <uv.h>

namespace sluice::net {

/// Owns one handle: T is a libuv handle (uv_timer_t, ...) or a struct that begins with one. Movable.
template <class T>
class Handle {
 public:
  Handle() : raw_(std::make_unique<T>()) { base()->data = nullptr; }
  Handle(Handle&& other) noexcept
      : raw_(std::move(other.raw_)), initialised_(std::exchange(other.initialised_, false)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this == &other) return *this;
    close();
    raw_ = std::move(other.raw_);
    initialised_ = std::exchange(other.initialised_, false);
    return *this;
  }
  ~Handle() { close(); }

  T* get() const { return raw_.get(); }
  uv_handle_t* base() const { return reinterpret_cast<uv_handle_t*>(raw_.get()); }

  /// To be called once uv_*_init succeeded: from now on the loop must close it.
  void initialised(void* owner) {
    initialised_ = true;
    set_owner(owner);
  }
  void set_owner(void* owner) { base()->data = owner; }

  void close() {
    if (!initialised_) return;
    uv_handle_t* handle = abandon();
    uv_close(handle, free_struct);
  }

  /// Cuts the owner off without closing: code that later finds the handle without an owner closes it with
  /// free_struct.
  uv_handle_t* abandon() {
    initialised_ = false;
    set_owner(nullptr);
    return reinterpret_cast<uv_handle_t*>(raw_.release());
  }

  static void free_struct(uv_handle_t* handle) { delete reinterpret_cast<T*>(handle); }

 private:
  std::unique_ptr<T> raw_;
  bool initialised_ = false;
};

/// The owner behind a handle in a callback; nullptr once it is gone.
template <class Owner, class H>
Owner* owner_of(H* handle) {
  return static_cast<Owner*>(handle->data);
}

}  // namespace sluice::net
