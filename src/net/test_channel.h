// A conversation within a test's memory.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/executor.h>
#include <sluice/net/message_channel.h>

#include <unistd.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::net::test {

/// One end; the other process is this one. What is sent is at the other end at once, and is delivered there
/// in a later turn of that end's executor.
class MemoryChannel final : public MessageChannel {
 public:
  explicit MemoryChannel(Executor& executor) : executor_(executor) {}
  ~MemoryChannel() override {
    if (other_ == nullptr) return;
    other_->other_ = nullptr;
    other_->deliver_later();
  }
  static void connect(MemoryChannel& one, MemoryChannel& other) {
    one.other_ = &other;
    other.other_ = &one;
  }

  using MessageChannel::send;
  Result<Peer> peer() const override { return Peer{.process = ::getpid(), .user = ::geteuid()}; }
  void start_reading(MessageReader& reader) override {
    if (is_over_) return;
    reader_ = &reader;
    deliver_later();
  }
  void send(std::string_view text, std::vector<Descriptor> descriptors) override {
    if (is_broken()) return;
    if (text.size() > kLongestMessage || descriptors.size() > kMostDescriptorsInMessage) {
      failure_ = Error{.code = ErrorCode::too_large, .message = "a message over its bounds"};
      return deliver_later();
    }
    other_->came_.push_back({.text = std::string(text), .descriptors = std::move(descriptors)});
    other_->deliver_later();
  }
  bool is_broken() const override { return other_ == nullptr || failure_.has_value(); }
  bool has_sent_all() const override { return true; }

 private:
  void deliver_later() { executor_.run_later(later_); }

  void deliver() {
    const Alive::Watch still_here(alive_);
    while (reader_ != nullptr && !came_.empty()) {
      Message message = std::move(came_.front());
      came_.pop_front();
      reader_->on_message(std::move(message));
      if (!still_here) return;
    }
    if (reader_ == nullptr || !is_broken()) return;
    is_over_ = true;
    const Error ended{.code = ErrorCode::closed, .message = "the other side has ended it"};
    std::exchange(reader_, nullptr)->on_end(failure_.value_or(ended));
  }

  Executor& executor_;
  MemoryChannel* other_ = nullptr;
  MessageReader* reader_ = nullptr;
  std::deque<Message> came_;
  std::optional<Error> failure_;
  bool is_over_ = false;
  Later later_{this, [](void* self) { static_cast<MemoryChannel*>(self)->deliver(); }};
  Alive alive_;
};

/// The two ends of a conversation, on one executor.
struct MemoryChannels {
  explicit MemoryChannels(Executor& executor)
      : one(std::make_unique<MemoryChannel>(executor)), other(std::make_unique<MemoryChannel>(executor)) {
    MemoryChannel::connect(static_cast<MemoryChannel&>(*one), static_cast<MemoryChannel&>(*other));
  }
  std::unique_ptr<MessageChannel> one;
  std::unique_ptr<MessageChannel> other;
};

}  // namespace sluice::net::test
