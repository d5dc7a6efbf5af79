// [proxy_status]
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

}  // namespace
}  // namespace sluice::config
