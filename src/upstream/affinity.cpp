#include <sluice/balance/hash.h>
#include <sluice/base/text.h>
#include <sluice/upstream/affinity.h>

#include <array>
#include <charconv>

namespace sluice::upstream {
namespace {

constexpr size_t kDigits = 16;

}  // namespace

uint64_t key_of(std::string_view text) {
  return balance::hash(text);
}

uint64_t backend_id(const config::Balance& balance, const Address& address) {
  return balance::hash(address.text(), balance::hash_key(balance.secret));
}

std::string cookie_value(uint64_t backend_id) {
  std::array<char, kDigits> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), backend_id, 16).ptr;
  const std::string_view text(digits.data(), static_cast<size_t>(end - digits.data()));
  return std::string(kDigits - text.size(), '0').append(text);
}

std::optional<uint64_t> cookie_id(std::string_view value) {
  uint64_t id = 0;
  if (value.size() != kDigits) return std::nullopt;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), id, 16);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return id;
}

std::string set_cookie(const config::Balance& balance, uint64_t backend_id) {
  std::string value =
      concat({balance.cookie, "=", cookie_value(backend_id), "; Path=/; HttpOnly; SameSite=Lax"});
  if (balance.max_age > Duration::zero()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(balance.max_age);
    value += concat({"; Max-Age=", std::to_string(seconds.count())});
  }
  if (balance.secure) value += "; Secure";
  return value;
}

}  // namespace sluice::upstream
