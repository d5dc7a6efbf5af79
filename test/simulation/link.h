// A connection in memory. Sluice has one end, as a net::Transport; the world plays the peer at the other end,
// and the kernels and the network between the two: bytes arrive cut anywhere and late, writes are blocked and
// opened again, and each direction ends in order or breaks.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/net/transport.h>

#include <memory>
#include <string>
#include <string_view>

#include "random.h"

namespace sluice::simulation {

class Link {
 public:
  enum class End { none, in_order, broken };

  /// `blocks`: of a hundred writes, so many are not taken whole at once.
  Link(Random& random, const Clock& clock, Address peer, size_t blocks);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Sluice's end. Once.
  std::unique_ptr<net::Transport> open();

  // What the peer does.

  /// When Sluice has closed its end, the peer learns of it by a reset, as the kernel has it.
  void send(std::string_view bytes);
  /// As send(), together with the byte before them.
  void send_glued(std::string_view bytes);
  /// Ends the peer's direction alone.
  void end();
  /// Closes the peer's end: in order, unless bytes of Sluice's were not taken. What Sluice writes from now on
  /// is answered by a reset. Returns how it ended.
  End close();
  /// Breaks both directions; some of what Sluice has not read is lost.
  void reset();
  /// A piece of what Sluice has written; empty when nothing has come.
  std::string take();
  /// How Sluice's direction has ended, once all that came before was taken.
  End ended() const { return to_peer_.empty() ? to_peer_end_ : End::none; }
  bool has_closed() const { return peer_closed_; }

  // What the world asks.

  /// Sluice has dropped its end.
  bool is_closed() const { return opened_ && transport_ == nullptr; }
  /// Bytes that Sluice wrote did not reach the peer.
  bool has_lost() const { return has_lost_; }
  /// Sluice has closed its end, not by a reset, though bytes that it had written had not left or bytes that
  /// had come were not read, which destroys what the peer has not taken (RFC 9112 9.6): so long after it had
  /// ended its direction. Negative: it has not.
  Duration cut_after() const { return cut_after_; }

  /// Nothing is to happen at Sluice's end.
  bool is_still() const;
  /// One thing happens at Sluice's end, by the dice. May call Sluice.
  void step();

 private:
  class Transport;

  net::Flow write(std::span<const std::string_view> pieces);
  void drain();
  void deliver();
  void break_off();
  void closed();
  void lose(std::string& bytes);

  Random& random_;
  const Clock& clock_;
  Address peer_;
  size_t blocks_;
  Transport* transport_ = nullptr;
  std::string to_sluice_;  // sent, and not read
  std::string to_peer_;    // in the kernels and the network: written, and not taken
  std::string kept_;       // by the transport, since the kernel did not take it
  size_t glue_from_ = 0;   // of to_sluice_: not to be cut there
  size_t glue_to_ = 0;
  End to_sluice_end_ = End::none;
  End to_peer_end_ = End::none;
  TimePoint shut_down_at_{};
  Duration cut_after_{-1};
  bool opened_ = false;
  bool end_arrived_ = false;  // of the peer's direction, at Sluice's kernel
  bool peer_closed_ = false;
  bool is_refused_ = false;  // bytes came to a peer that had closed: a reset is on its way
  bool is_shut_down_ = false;
  bool resets_ = false;
  bool has_lost_ = false;
};

}  // namespace sluice::simulation
