// Connections that have served their purpose, read on until the peer closes them: a lingering close (RFC
// 9112 9.6).
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <utility>

namespace sluice::wire {

/// Owns them. One thread's, and gone before that thread's loop.
class Lingering {
 public:
  /// Destroying it closes it.
  class Connection {
   public:
    virtual ~Connection() = default;
    /// Makes the coming close a reset (TCP RST).
    virtual void reset_on_close() = 0;

   private:
    friend class Lingering;
    std::list<std::unique_ptr<Connection>>::iterator place_;
  };

  /// So many at a time, however many peers leave their connections open: beyond it the oldest is reset.
  static constexpr size_t kMost = 1024;

  void add(std::unique_ptr<Connection> connection) {
    if (connections_.size() >= kMost) {
      connections_.front()->reset_on_close();
      connections_.pop_front();
    }
    Connection& added = *connections_.emplace_back(std::move(connection));
    added.place_ = std::prev(connections_.end());
  }
  /// Destroys it. Only for one that was added.
  void remove(Connection& connection) { connections_.erase(connection.place_); }
  size_t size() const { return connections_.size(); }

 private:
  std::list<std::unique_ptr<Connection>> connections_;  // the oldest first
};

}  // namespace sluice::wire
