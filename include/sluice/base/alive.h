// Tells a function that called out in its middle whether its object still exists. For the few loops that must
// go on after a callback; everywhere else calling out is the last line.
#pragma once

namespace sluice {

/// A member of the object in question. One thread's.
class Alive {
 public:
  /// A local variable, made before calling out.
  class Watch {
   public:
    explicit Watch(Alive& alive) : alive_(&alive), outer_(alive.watch_) { alive.watch_ = this; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      if (alive_ != nullptr) alive_->watch_ = outer_;
    }
    /// False once the object was destroyed: touch nothing of it.
    explicit operator bool() const { return alive_ != nullptr; }

   private:
    friend class Alive;
    Alive* alive_;
    Watch* outer_;
  };

  Alive() = default;
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() {
    for (Watch* watch = watch_; watch != nullptr; watch = watch->outer_) watch->alive_ = nullptr;
  }

 private:
  Watch* watch_ = nullptr;
};

}  // namespace sluice
