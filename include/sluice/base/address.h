// The address of a socket: an IPv4 or IPv6 address with a port, or the path of a Unix socket. A plain value;
// it names no host and asks no resolver.
#pragma once

#include <sluice/base/result.h>

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

class Address {
 public:
  enum class Family : uint8_t { ipv4, ipv6, local };

  /// 0.0.0.0:0.
  Address() = default;

  /// "127.0.0.1:80", "[::1]:80" or "unix:/path". The error's message says what was expected.
  static Result<Address> parse(std::string_view text);
  /// `bytes`: 4 or 16 of them, in network order.
  static Address ip(std::string_view bytes, uint16_t port);
  static Address local(std::string path);

  Family family() const { return family_; }
  bool is_local() const { return family_ == Family::local; }
  uint16_t port() const { return port_; }
  /// The 4 or 16 bytes of an IP address in network order; empty for a Unix socket.
  std::string_view ip_bytes() const;
  /// The path of a Unix socket; else empty.
  const std::string& path() const;

  /// As parse() takes it.
  std::string text() const;
  /// The IP alone, without brackets or port ("unix" for a Unix socket): what X-Forwarded-For names.
  std::string ip_text() const;
  Address with_port(uint16_t port) const;

  bool operator==(const Address& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const Address& other) const;

 private:
  /// A Unix socket's. Rare, and each connection has several addresses.
  class Path {
   public:
    Path() = default;
    explicit Path(std::string text) : text_(std::make_unique<const std::string>(std::move(text))) {}
    Path(const Path& other) : text_(other.copy()) {}
    Path& operator=(const Path& other) {
      if (this != &other) text_ = other.copy();
      return *this;
    }
    Path(Path&&) noexcept = default;
    Path& operator=(Path&&) noexcept = default;
    ~Path() = default;
    const std::string* text() const { return text_.get(); }

   private:
    std::unique_ptr<const std::string> copy() const {
      return text_ ? std::make_unique<const std::string>(*text_) : nullptr;
    }
    std::unique_ptr<const std::string> text_;
  };

  Family family_ = Family::ipv4;
  uint16_t port_ = 0;
  std::array<char, 16> bytes_{};
  Path path_;
};

}  // namespace sluice
