#include <sluice/base/alive.h>
#include <sluice/base/text.h>
#include <sluice/net/fd_passing.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>

#include "net/errors.h"
#include "net/passed_descriptors.h"
#include "net/poll.h"
#include "net/sockets.h"

namespace sluice::net {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr size_t kLongestComplaint = 200;

void append_number(std::string& text, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xff);
}

uint32_t read_number(std::string_view text) {
  uint32_t number = 0;
  for (const char byte : text.substr(0, 4)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// A message on its way out: its descriptors go with its first byte.
struct Outgoing {
  std::string bytes;
  size_t sent = 0;
  std::vector<Descriptor> descriptors;
};

/// Returns how much the kernel took, or a negated errno.
ssize_t send_some(int socket, Outgoing& message) {
  iovec piece{.iov_base = message.bytes.data() + message.sent,
              .iov_len = message.bytes.size() - message.sent};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  std::vector<int> numbers;
  for (const Descriptor& descriptor : message.descriptors) numbers.push_back(descriptor.get());
  attach_descriptors(header, control, numbers);
  ssize_t taken = 0;
  do {
    taken = ::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (taken < 0 && errno == EINTR);
  return taken < 0 ? -errno : taken;
}

Error malformed(std::string message) {
  return {.code = ErrorCode::malformed, .message = std::move(message)};
}

/// A peer that does not know these messages answers in text: that is what a person wants to read.
Error no_message(std::string_view received) {
  const auto line = received.substr(0, std::min(received.find('\n'), kLongestComplaint));
  const bool is_text = std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  return malformed(is_text ? concat({"the other side said: ", line})
                           : std::string("the other side sent what is no message"));
}

}  // namespace

struct SocketChannel::Impl {
  Impl(Loop& loop_used, Descriptor the_connection, std::string_view received_before)
      : loop(loop_used),
        connection(std::move(the_connection)),
        later(this,
              [](void* self) {
                auto& impl = *static_cast<Impl*>(self);
                if (impl.reader != nullptr) impl.on_ready(0, 0);
              }),
        received(received_before),
        came_before(!received_before.empty()) {
    ::fcntl(connection.get(), F_SETFL, ::fcntl(connection.get(), F_GETFL) | O_NONBLOCK);
    if (const int status = initialise(); status != 0) failure = reason(status);
  }

  int initialise() { return poll.initialise(loop.raw(), connection.get(), this); }

  /// When the loop cannot watch the connection, the reader gets the error in a later turn.
  void watch() {
    const int reading = reader != nullptr ? UV_READABLE : 0;
    // What came before, and a failure, reach the reader in a later turn: the socket is writable then.
    const int writing = !outgoing.empty() || untold() ? UV_WRITABLE : 0;
    const auto on_ready = [](uv_poll_t* raw, int status, int events) {
      auto* self = owner_of<Impl>(raw);
      if (self != nullptr) self->on_ready(status, events);
    };
    if ((reading | writing) == 0) return poll.stop();
    int status = initialise();
    if (status == 0) status = poll.start(reading | writing, on_ready);
    if (status == 0) return;
    if (!failure) failure = reason(status);
    loop.run_later(later);
  }

  bool untold() const { return reader != nullptr && (failure || came_before); }

  void on_ready(int status, int events) {
    const Alive::Watch still_here(alive);
    if (status != 0 && reader == nullptr) return end(reason(status));
    if (status != 0 && !failure) failure = reason(status);
    if (failure && reader != nullptr) return fail(still_here);
    if ((events & UV_WRITABLE) != 0) send_kept();
    if (std::exchange(came_before, false) && !deliver(still_here)) return;
    while ((events & UV_READABLE) != 0 && receive(still_here)) {
    }
    if (still_here) watch();
  }

  /// A peer that has ended the connection may have sent the reason first: it has arrived by now.
  void fail(const Alive::Watch& still_here) {
    if (std::exchange(came_before, false) && !deliver(still_here)) return;
    while (receive(still_here)) {
    }
    if (still_here && reader != nullptr) end(*std::exchange(failure, std::nullopt));
  }

  /// Reports the end to the reader, once; nothing follows.
  void end(Error why) {
    poll.stop();
    outgoing.clear();
    is_over = true;
    if (MessageReader* told = std::exchange(reader, nullptr)) told->on_end(std::move(why));
  }

  void send_kept() {
    while (!outgoing.empty()) {
      Outgoing& message = outgoing.front();
      const ssize_t taken = send_some(connection.get(), message);
      if (taken == -EAGAIN) return;
      if (taken < 0) {
        failure = reason(static_cast<int>(taken));
        return outgoing.clear();
      }
      message.descriptors.clear();
      message.sent += static_cast<size_t>(taken);
      if (message.sent == message.bytes.size()) outgoing.pop_front();
    }
  }

  /// One read; false when there is nothing more for now, or no reader.
  bool receive(const Alive::Watch& still_here) {
    std::array<char, 65536> bytes;
    ControlBuffer control;
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const ssize_t count = ::recvmsg(connection.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) return true;
    if (count < 0 && errno == EAGAIN) return false;
    const Error error = count < 0
                            ? reason(-errno)
                            : Error{.code = ErrorCode::closed, .message = "the other side has ended it"};
    if (count <= 0) return end(error), false;
    take_descriptors(header, descriptors);
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
      return end({.code = ErrorCode::exhausted, .message = "no room for the descriptors that came"}), false;
    }
    received.append(bytes.data(), static_cast<size_t>(count));
    if (!deliver(still_here)) return false;
    if (descriptors.size() <= kMostDescriptorsInMessage) return true;
    return end(malformed("descriptors came without a message")), false;
  }

  /// Hands on every message that is whole; false when nothing more may be.
  bool deliver(const Alive::Watch& still_here) {
    while (reader != nullptr && received.size() >= kHeaderBytes) {
      const size_t length = read_number(received);
      const size_t count = read_number(std::string_view(received).substr(4));
      if (length > kLongestMessage || count > kMostDescriptorsInMessage)
        return end(no_message(received)), false;
      if (received.size() < kHeaderBytes + length) return true;
      if (descriptors.size() < count) return end(malformed("a message came without its descriptors")), false;
      Message message{.text = received.substr(kHeaderBytes, length)};
      received.erase(0, kHeaderBytes + length);
      for (size_t i = 0; i < count; ++i) {
        message.descriptors.push_back(std::move(descriptors.front()));
        descriptors.pop_front();
      }
      reader->on_message(std::move(message));
      if (!still_here) return false;
    }
    return reader != nullptr;
  }

  Loop& loop;
  Descriptor connection;
  Poll poll;
  Later later;
  Alive alive;
  MessageReader* reader = nullptr;
  std::string received;
  std::deque<Descriptor> descriptors;  // that came, for messages that are not whole yet
  std::deque<Outgoing> outgoing;
  std::optional<Error> failure;  // still to be reported
  bool came_before;              // what was received, and is still to be looked at
  bool is_over = false;
};

Result<Descriptor> connect_local(const std::string& path) {
  const Address address = Address::local(path);
  const SocketAddress target = to_socket_address(address);
  Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connection.is_open() && ::connect(connection.get(), target.get(), target.size) == 0) return connection;
  return error_of(concat({"cannot connect to ", path}), -errno);
}

SocketChannel::SocketChannel(Loop& loop, Descriptor connection, std::string_view received)
    : impl_(std::make_unique<Impl>(loop, std::move(connection), received)) {}

SocketChannel::~SocketChannel() = default;

Result<Peer> SocketChannel::peer() const {
  return peer_of(impl_->connection.get());
}

void SocketChannel::start_reading(MessageReader& reader) {
  if (impl_->is_over) return;
  impl_->reader = &reader;
  impl_->watch();
}

void SocketChannel::send(std::string_view text, std::vector<Descriptor> descriptors) {
  if (impl_->is_over || impl_->failure) return;
  if (text.size() > kLongestMessage || descriptors.size() > kMostDescriptorsInMessage) {
    impl_->failure = Error{.code = ErrorCode::too_large, .message = "a message over its bounds"};
  } else {
    Outgoing message{.bytes = {}, .descriptors = std::move(descriptors)};
    append_number(message.bytes, static_cast<uint32_t>(text.size()));
    append_number(message.bytes, static_cast<uint32_t>(message.descriptors.size()));
    message.bytes.append(text);
    impl_->outgoing.push_back(std::move(message));
    impl_->send_kept();
  }
  impl_->watch();
}

bool SocketChannel::is_broken() const {
  return impl_->is_over || impl_->failure;
}

bool SocketChannel::has_sent_all() const {
  return impl_->outgoing.empty();
}

}  // namespace sluice::net
