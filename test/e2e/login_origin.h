// A backend whose logins hold for a connection, as those of NTLM do.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "accept_loop.h"
#include "process.h"

namespace sluice::e2e {

/// Answers each request with the name that its connection was logged in with, or with 401 and a challenge.
/// `Authorization: SCHEME TYPE1` begins a login, `SCHEME TYPE3 NAME` ends it, of any scheme. To
/// /open it says "anonymous" in place of the challenge, and to /hold nothing at all. At /cut it closes a
/// connection that is logged in, and says "anonymous" on any other.
class LoginOrigin {
 public:
  /// `fields`: whole lines of its challenges.
  explicit LoginOrigin(std::string fields = "WWW-Authenticate: NTLM\r\n");

  std::string address() const { return loop_.address(); }
  std::string pool(const std::string& more = "") const { return loop_.pool(more); }
  /// From now on each answer takes so long.
  void set_delay(milliseconds delay) { delay_ms_ = delay.count(); }
  /// Open ones, on which somebody is logged in.
  size_t logged_in() const { return logged_in_; }
  /// Closes them.
  void end_logins() { ended_logins_ += 1; }
  /// Open connections that were asked for /hold.
  size_t held() const { return held_; }

 private:
  class Connection;

  std::string fields_;
  std::atomic<size_t> logged_in_{0};
  std::atomic<size_t> held_{0};
  std::atomic<size_t> ended_logins_{0};  // how often
  std::atomic<int64_t> delay_ms_{0};
  AcceptLoop loop_;  // the last: its thread uses all the others
};

}  // namespace sluice::e2e
