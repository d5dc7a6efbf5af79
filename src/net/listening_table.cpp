#include "net/listening_table.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace sluice::net {
namespace {

constexpr std::string_view kListens = "0A";

std::optional<uint32_t> hexadecimal(std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// "0100007F:1F90": the IP address in words as this machine stores them, the port as a number.
std::optional<Address> parse_address(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon % 8 != 0) return std::nullopt;
  std::string ip;
  for (size_t i = 0; i < colon; i += 8) {
    const auto word = hexadecimal(text.substr(i, 8));
    if (!word) return std::nullopt;
    ip.append(reinterpret_cast<const char*>(&*word), sizeof *word);
  }
  const auto port = hexadecimal(text.substr(colon + 1));
  if (!port || (ip.size() != 4 && ip.size() != 16)) return std::nullopt;
  return Address::ip(ip, static_cast<uint16_t>(*port));
}

}  // namespace

std::vector<Listed> listening_sockets(Address::Family family) {
  std::vector<Listed> listed;
  FILE* file = std::fopen(family == Address::Family::ipv6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
  if (file == nullptr) return listed;
  std::array<char, 512> line{};
  static_cast<void>(std::fgets(line.data(), line.size(), file));  // the headings
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    std::istringstream fields(line.data());
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout;
    uint64_t id = 0;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> id;
    if (!fields || state != kListens) break;  // Those that listen come first, and connections may be many.
    if (auto address = parse_address(local)) listed.push_back({*std::move(address), id});
  }
  std::fclose(file);
  return listed;
}

}  // namespace sluice::net
