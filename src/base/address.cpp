#include <sluice/base/address.h>
#include <sluice/base/text.h>

#include <arpa/inet.h>
#include <sys/un.h>

#include <cstring>
#include <tuple>

namespace sluice {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Error expected(std::string_view text) {
  return {.code = ErrorCode::invalid_config,
          .message = concat({"\"", text,
                             "\" is not an address: expected IP:PORT (\"127.0.0.1:8080\", \"[::1]:8080\") or "
                             "\"unix:/path\""})};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return expected(text);  // C strings below would end there.
  if (text.starts_with(kUnixPrefix)) {
    const auto path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return expected(text);
    return local(std::string(path));
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return expected(text);
  std::string host(text.substr(0, colon));
  const auto port = parse_unsigned(text.substr(colon + 1));
  if (!port || *port > 65535) return expected(text);

  Address address;
  address.port_ = static_cast<uint16_t>(*port);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    address.family_ = Family::ipv6;
  }
  const int family = bracketed ? AF_INET6 : AF_INET;
  if (inet_pton(family, host.c_str(), address.bytes_.data()) != 1) return expected(text);
  return address;
}

Address Address::ip(std::string_view bytes, uint16_t port) {
  CHECK(bytes.size() == 4 || bytes.size() == 16);
  Address address;
  address.family_ = bytes.size() == 4 ? Family::ipv4 : Family::ipv6;
  address.port_ = port;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  return address;
}

Address Address::local(std::string path) {
  Address address;
  address.family_ = Family::local;
  address.path_ = Path(std::move(path));
  return address;
}

const std::string& Address::path() const {
  static const std::string none;
  return path_.text() != nullptr ? *path_.text() : none;
}

std::strong_ordering Address::operator<=>(const Address& other) const {
  if (const auto order =
          std::tie(family_, port_, bytes_) <=> std::tie(other.family_, other.port_, other.bytes_);
      order != 0) {
    return order;
  }
  return path() <=> other.path();
}

std::string_view Address::ip_bytes() const {
  if (is_local()) return {};
  return {bytes_.data(), family_ == Family::ipv4 ? size_t{4} : size_t{16}};
}

std::string Address::text() const {
  if (is_local()) return concat({kUnixPrefix, path()});
  const std::string port = std::to_string(port_);
  if (family_ == Family::ipv6) return concat({"[", ip_text(), "]:", port});
  return concat({ip_text(), ":", port});
}

std::string Address::ip_text() const {
  if (is_local()) return "unix";
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family_ == Family::ipv4 ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

Address Address::with_port(uint16_t port) const {
  Address other = *this;
  other.port_ = port;
  return other;
}

}  // namespace sluice
