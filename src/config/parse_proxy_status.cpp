// [proxy_status]: what answers say in Proxy-Status.
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr size_t kLongestProxyName = 100;

/// What a string of a structured field may hold (RFC 8941 3.3.3), and says something.
bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return !text.empty() && text.front() != ' ' && text.back() != ' ';
}

}  // namespace

void parse_proxy_status(Reader& root, ProxyStatus& settings) {
  auto reader = root.sub("proxy_status");
  if (!reader) return;
  if (reader->read("name", settings.name) &&
      (settings.name.size() > kLongestProxyName || !is_printable(settings.name))) {
    reader->problem("name", "expected a name of 1 to 100 printable ASCII characters");
  }
  reader->read("next_hop", settings.next_hop);
  reader->read("forwarded", settings.forwarded);
  reader->finish();
}

}  // namespace sluice::config
