// [proxy_status] and [recent_requests]: how requests are explained.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

TEST_CASE("what Proxy-Status says can be chosen, and hides backends by default") {
  CHECK(valid(kSmallest).proxy_status ==
        ProxyStatus{.name = "sluice", .next_hop = false, .forwarded = false});
  const std::string table =
      "[proxy_status]\nname = \"edge of \\\"A\\\"\"\nnext_hop = true\nforwarded = true\n";
  const Config config = valid(table + std::string(kSmallest));
  CHECK(config.proxy_status == ProxyStatus{.name = "edge of \"A\"", .next_hop = true, .forwarded = true});
  CHECK(valid(to_toml(config)).proxy_status == config.proxy_status);
}

TEST_CASE("mistakes in [proxy_status]") {
  const std::string expected =
      "2:8: proxy_status.name: expected a name of 1 to 100 printable ASCII characters";
  check("[proxy_status]",
        {{"name = \"\"", expected},
         {"name = \" a\"", expected},
         {"name = \"\u00e9\"", expected},
         {"next_hops = true", "2:1: proxy_status.next_hops: unknown key, did you mean \"next_hop\"?"}},
        kSmallest);
}

TEST_CASE("how many recent requests are kept can be chosen") {
  const Config config =
      valid("[recent_requests]\nnotable = 0\nothers = 5\nslow = \"2s\"\n" + std::string(kSmallest));
  CHECK(config.recent_requests == RecentRequests{.notable = 0, .others = 5, .slow = 2s});
  CHECK(valid(to_toml(config)).recent_requests == config.recent_requests);
  check("[recent_requests]",
        {{"notable = 100001",
          "2:11: recent_requests.notable: expected a whole number from 0 to 100000, got 100001"},
         {"slow = \"0s\"", "2:8: recent_requests.slow: expected a duration above zero, got \"0s\""}},
        kSmallest);
}

}  // namespace
}  // namespace sluice::config
