#include "resolve/srv.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sluice::resolve {
namespace {

constexpr double kMostWeight = 1000;
constexpr size_t kLastPriority = 9;
constexpr size_t kHeader = 12;       // bytes (RFC 1035 4.1.1)
constexpr size_t kQuestionTail = 4;  // type, class
constexpr size_t kRecordTail = 10;   // type, class, lifetime, length

double share(const SrvRecord& record) {
  return static_cast<double>(record.weight) / static_cast<double>(record.addresses.size());
}

/// Smaller weights than 1 are scaled up as well, as far as the largest allows.
double scale_of(std::span<const SrvRecord> records, uint16_t priority) {
  double most = 0;
  double least = kMostWeight;
  for (const SrvRecord& record : records) {
    if (record.priority != priority || record.addresses.empty() || record.weight == 0) continue;
    most = std::max(most, share(record));
    least = std::min(least, share(record));
  }
  if (most == 0) return 1;
  const bool fits = most <= kMostWeight && least >= 1;
  return fits ? 1 : kMostWeight / most;
}

/// Reads a DNS message from its front; once it is cut off, everything is 0.
class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}
  uint32_t number(size_t bytes) {
    if (!has(bytes)) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[at_ + i]);
    at_ += bytes;
    return value;
  }
  void skip(size_t bytes) {
    if (has(bytes)) at_ += bytes;
  }
  void skip_name() {
    while (is_whole_) {
      const uint32_t length = number(1);
      if (length == 0) return;
      if (length >= 0xc0) return skip(1);  // a pointer (RFC 1035 4.1.4)
      skip(length);
    }
  }
  bool is_whole() const { return is_whole_; }

 private:
  bool has(size_t bytes) {
    is_whole_ = is_whole_ && bytes <= bytes_.size() - at_;
    return is_whole_;
  }
  std::string_view bytes_;
  size_t at_ = 0;
  bool is_whole_ = true;
};

}  // namespace

std::vector<config::ResolvedAddress> places_of(std::span<const SrvRecord> records) {
  std::set<uint16_t> priorities;
  for (const SrvRecord& record : records) priorities.insert(record.priority);
  std::vector<config::ResolvedAddress> places;
  for (const SrvRecord& record : records) {
    const auto rank =
        static_cast<size_t>(std::distance(priorities.begin(), priorities.find(record.priority)));
    const double scale = scale_of(records, record.priority);
    for (const Address& address : record.addresses) {
      places.push_back({.address = address.with_port(record.port),
                        .weight = static_cast<uint32_t>(std::max(1.0, std::round(share(record) * scale))),
                        .priority = static_cast<uint8_t>(std::min(rank, kLastPriority))});
    }
  }
  return places;
}

uint32_t shortest_lifetime(std::string_view bytes) {
  Message message(bytes);
  message.skip(4);
  const uint32_t questions = message.number(2);
  uint32_t answers = message.number(2);
  message.skip(kHeader - 8);
  for (uint32_t i = 0; i < questions && message.is_whole(); ++i) {
    message.skip_name();
    message.skip(kQuestionTail);
  }
  uint32_t shortest = std::numeric_limits<uint32_t>::max();
  for (; answers > 0 && message.is_whole(); --answers) {
    message.skip_name();
    message.skip(kRecordTail - 6);
    const uint32_t lifetime = message.number(4);
    const uint32_t length = message.number(2);
    message.skip(length);
    if (message.is_whole()) shortest = std::min(shortest, lifetime);
  }
  return shortest == std::numeric_limits<uint32_t>::max() ? 0 : shortest;
}

}  // namespace sluice::resolve
