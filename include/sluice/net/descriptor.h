// Owns a file descriptor.
#pragma once

#include <sluice/base/result.h>

#include <utility>

namespace sluice::net {

/// Closed when dropped. Movable.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this == &other) return *this;
    const Descriptor old(std::exchange(number_, other.release()));
    return *this;
  }
  ~Descriptor();

  /// A second one for the same open file, closed on exec.
  static Result<Descriptor> duplicate_of(int number);

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// The caller closes it from now on.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

}  // namespace sluice::net
