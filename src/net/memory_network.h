// A network for tests, without sockets of its own: what connects does so when the test says so.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/check.h>
#include <sluice/net/network.h>

#include <array>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "net/memory_transport.h"

namespace sluice::net {

/// Its clients wait in the queue of their socket until they are accepted, in a later turn or by
/// accept_queue(). A transport is there as long as the code under test keeps it. Outlives the turns of its
/// executor.
class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(Executor& executor) : Network(executor) {}

  /// A client connects.
  MemoryTransport& connect_to(const ListeningSocket& socket) {
    Queue& queue = queues_[&socket];
    queue.clients.push_back(std::make_unique<MemoryTransport>());
    accept_later(queue);
    return *queue.clients.back();
  }
  /// So many clients wait to be accepted there.
  size_t waiting(const ListeningSocket& socket) const {
    const auto found = queues_.find(&socket);
    return found == queues_.end() ? 0 : found->second.clients.size();
  }

  /// The ports that are dialed, each behind a space.
  std::string dialing() {
    forget_dropped();
    std::string all;
    for (const Dial& each : dials_) all += " " + std::to_string(each.address.port());
    return all;
  }
  /// What comes of the oldest dial.
  MemoryTransport& answer() {
    auto made = std::make_unique<MemoryTransport>();
    MemoryTransport& transport = *made;
    finish(std::unique_ptr<Transport>(std::move(made)));
    return transport;
  }
  void fail(Error error) { finish(std::move(error)); }
  /// The last one.
  MemoryTransport& adopted() const { return *adopted_; }

  [[nodiscard]] std::unique_ptr<Acceptor> accept(const ListeningSocket& socket,
                                                 Acceptor::OnConnection on_connection,
                                                 Acceptor::Reserve = Acceptor::Reserve::use) override {
    return std::make_unique<QueueAcceptor>(*this, queues_[&socket], std::move(on_connection));
  }
  [[nodiscard]] Wait connect(const Address& address, OnConnected on_connected) override {
    return dials_.emplace_back(address).pending.wait(std::move(on_connected));
  }
  Result<std::unique_ptr<Transport>> adopt(Descriptor connection) override {
    if (!connection.is_open()) return Error{.code = ErrorCode::closed, .message = "no connection"};
    auto made = std::make_unique<MemoryTransport>();
    adopted_ = made.get();
    return std::unique_ptr<Transport>(std::move(made));
  }
  std::span<char> scratch() override { return scratch_; }

 private:
  class QueueAcceptor;
  /// A listening socket's.
  struct Queue {
    std::deque<std::unique_ptr<MemoryTransport>> clients{};
    QueueAcceptor* acceptor = nullptr;
  };

  class QueueAcceptor final : public Acceptor {
   public:
    QueueAcceptor(MemoryNetwork& network, Queue& queue, OnConnection on_connection)
        : network_(network),
          queue_(queue),
          on_connection_(std::make_shared<const OnConnection>(std::move(on_connection))) {
      SLUICE_CHECK(queue_.acceptor == nullptr);
      queue_.acceptor = this;
      network_.accept_later(queue_);
    }
    ~QueueAcceptor() override { queue_.acceptor = nullptr; }

    void pause() override { is_paused_ = true; }
    void resume() override {
      is_paused_ = false;
      network_.accept_later(queue_);
    }
    size_t accept_queue() override {
      const Alive::Watch watch(alive_);
      size_t count = 0;
      for (; watch && !queue_.clients.empty(); ++count) accept_one();
      return count;
    }
    void accept_in_turn() {
      const Alive::Watch watch(alive_);
      while (watch && !is_paused_ && !queue_.clients.empty()) accept_one();
    }

   private:
    void accept_one() {
      auto client = std::move(queue_.clients.front());
      queue_.clients.pop_front();
      const auto callback = on_connection_;  // Lives to the end of this call.
      (*callback)(std::move(client));
    }

    MemoryNetwork& network_;
    Queue& queue_;
    std::shared_ptr<const OnConnection> on_connection_;
    bool is_paused_ = false;
    Alive alive_;
  };

  struct Dial {
    explicit Dial(const Address& to) : address(to) {}
    Address address;
    Pending<Result<std::unique_ptr<Transport>>> pending{};
  };

  void accept_later(Queue& queue) {
    executor().post([&queue] {
      if (queue.acceptor != nullptr) queue.acceptor->accept_in_turn();
    });
  }
  void forget_dropped() {
    dials_.remove_if([](const Dial& each) { return !each.pending.is_waited_for(); });
  }
  void finish(Result<std::unique_ptr<Transport>> how) {
    forget_dropped();
    SLUICE_CHECK(!dials_.empty());
    std::list<Dial> first;
    first.splice(first.begin(), dials_, dials_.begin());
    first.front().pending.fire(std::move(how));
  }

  std::map<const ListeningSocket*, Queue> queues_;
  std::list<Dial> dials_;
  MemoryTransport* adopted_ = nullptr;
  std::array<char, size_t{64} * 1024> scratch_{};
};

}  // namespace sluice::net
