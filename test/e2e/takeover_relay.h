// A relay on the admin socket, between two real processes of a takeover: passes on what they say, with its
// descriptors, and holds back what a test wants to happen something before.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "takeover_peer.h"

namespace sluice::e2e {

class TakeoverRelay {
 public:
  enum class From { new_one, old_one };

  /// New processes that connect to `path` speak to who answers on `target`.
  TakeoverRelay(const std::string& path, std::string target);
  ~TakeoverRelay();
  TakeoverRelay(const TakeoverRelay&) = delete;
  TakeoverRelay& operator=(const TakeoverRelay&) = delete;

  /// The next message of this kind, and those behind it, stop here until let_go(). Before the new process
  /// connects.
  void hold(From from, const std::string& kind);
  bool is_holding();
  void let_go();
  /// Passes on nothing more: to each of the two the other one has gone.
  void hang_up();

 private:
  struct Link {
    explicit Link(int accepted, const std::string& target) : new_one(accepted), old_one(target) {}
    TakeoverPeer new_one;
    TakeoverPeer old_one;
    std::thread up{};
    std::thread down{};
  };
  void serve();
  void pump(TakeoverPeer& from, const TakeoverPeer& to, From who);
  void stop_at(From who, const std::string& kind);

  const std::string target_;
  const int listening_;
  std::mutex mutex_;
  std::condition_variable changed_;
  From held_from_{};
  std::string held_kind_;  // empty: none
  bool is_holding_ = false;
  bool is_over_ = false;
  std::list<Link> links_;
  std::thread serving_;
};

}  // namespace sluice::e2e
