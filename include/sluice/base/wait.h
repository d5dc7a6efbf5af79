// A wait for one thing to happen. Dropping a Wait cancels: its callback never runs. A callback never runs
// before the call that made its Wait has returned, so `wait_ = start(callback)` is always safe.
#pragma once

#include <sluice/base/check.h>

#include <functional>
#include <utility>

namespace sluice {

class Wait;

/// The producer's end, untyped. See Pending.
class PendingBase {
 public:
  PendingBase() = default;
  PendingBase(const PendingBase&) = delete;
  PendingBase& operator=(const PendingBase&) = delete;

 protected:
  virtual ~PendingBase();
  /// The Wait was dropped: forget the callback and stop what would have led to it.
  virtual void cancelled() = 0;
  Wait* wait_ = nullptr;

 private:
  friend class Wait;
};

/// The waiter's end: move-only, empty once its callback has run.
class Wait {
 public:
  Wait() = default;
  explicit Wait(PendingBase& pending) : pending_(&pending) { pending.wait_ = this; }
  Wait(Wait&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) { adopt(); }
  Wait& operator=(Wait&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    pending_ = std::exchange(other.pending_, nullptr);
    adopt();
    return *this;
  }
  ~Wait() { cancel(); }

  /// True while the callback is still to come.
  explicit operator bool() const { return pending_ != nullptr; }

  void cancel() {
    if (pending_ == nullptr) return;
    PendingBase& pending = *std::exchange(pending_, nullptr);
    pending.wait_ = nullptr;
    pending.cancelled();
  }

 private:
  friend class PendingBase;
  template <class...>
  friend class Pending;
  void adopt() {
    if (pending_ != nullptr) pending_->wait_ = this;
  }

  PendingBase* pending_ = nullptr;
};

inline PendingBase::~PendingBase() {
  if (wait_ != nullptr) wait_->pending_ = nullptr;
}

/// The producer's end: holds the callback of at most one Wait. Destroying it, too, means that the callback
/// never runs.
template <class... Args>
class Pending final : public PendingBase {
 public:
  using Callback = std::function<void(Args...)>;

  Pending() = default;
  /// `on_cancel` runs when a Wait of ours is dropped.
  explicit Pending(std::function<void()> on_cancel) : on_cancel_(std::move(on_cancel)) {}

  [[nodiscard]] Wait wait(Callback callback) {
    SLUICE_CHECK(!callback_);
    callback_ = std::move(callback);
    return Wait(*this);
  }

  bool is_waited_for() const { return static_cast<bool>(callback_); }

  /// Runs the callback, when there is one. It may destroy us: the last line of its caller.
  void fire(Args... args) {
    if (!callback_) return;
    Callback callback = std::exchange(callback_, nullptr);
    if (wait_ != nullptr) std::exchange(wait_, nullptr)->pending_ = nullptr;
    callback(std::forward<Args>(args)...);
  }

 private:
  void cancelled() override {
    callback_ = nullptr;
    if (on_cancel_) on_cancel_();
  }

  Callback callback_;
  std::function<void()> on_cancel_;
};

}  // namespace sluice
