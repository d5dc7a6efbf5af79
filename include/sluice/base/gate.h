// Counts those inside, admits no more once closed, and reports when the last has left. Listener,
// backend, generation and server all drain by this; inside() is also their in-flight gauge.
#pragma once

#include <sluice/base/check.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace sluice {

/// One thread's, but for inside(), which any thread may read. Outlives its passes.
class Gate {
 public:
  /// The right to be inside; dropping it leaves.
  class Pass {
   public:
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      if (this == &other) return *this;
      Pass old(std::move(*this));
      gate_ = std::exchange(other.gate_, nullptr);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    friend class Gate;
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Gate* gate_;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { SLUICE_CHECK(inside() == 0); }

  /// Nothing once the gate is closed.
  std::optional<Pass> enter() {
    if (closed_) return std::nullopt;
    // Only the owning thread writes, so a plain add needs no locked instruction.
    inside_.store(inside() + 1, std::memory_order_relaxed);
    return Pass(*this);
  }

  /// Admits no more. `on_empty` runs once, when the last has left: at once when none is inside. It may
  /// destroy the gate.
  void close(std::function<void()> on_empty) {
    closed_ = true;
    on_empty_ = std::move(on_empty);
    call_if_empty();
  }

  /// Undoes close(); a pending on_empty is forgotten.
  void open() {
    closed_ = false;
    on_empty_ = nullptr;
  }

  bool is_closed() const { return closed_; }
  size_t inside() const { return inside_.load(std::memory_order_relaxed); }

 private:
  void leave() {
    inside_.store(inside() - 1, std::memory_order_relaxed);
    call_if_empty();
  }

  void call_if_empty() {
    if (!closed_ || inside() != 0 || !on_empty_) return;
    std::exchange(on_empty_, nullptr)();
  }

  std::atomic<size_t> inside_{0};
  bool closed_ = false;
  std::function<void()> on_empty_;
};

}  // namespace sluice
