// What the client makes of commands.
#include "admin/sent_lines.h"

#include <doctest/doctest.h>

namespace sluice::admin {
namespace {

using namespace std::chrono_literals;

std::string sent(std::string_view line) {
  auto whole = with_whole_paths(line, "/home/me");
  return whole ? *whole : std::string(name(whole.error().code));
}

TEST_CASE("the binary of an upgrade is sent as an absolute path, and links in it stay as they are") {
  CHECK(sent("upgrade --binary ./new/sluice") == "upgrade --binary /home/me/new/sluice");
  CHECK(sent("upgrade --json --binary=../current/sluice --wait 1m") ==
        "upgrade --json --binary=/home/current/sluice --wait 1m");
  CHECK(sent("upgrade --binary sluice") == "upgrade --binary /home/me/sluice");
  CHECK(sent("--json upgrade --binary /opt/sluice") == "--json upgrade --binary /opt/sluice");
  CHECK(sent("upgrade --binary") == "upgrade --binary");
  CHECK(sent("upgrade") == "upgrade");
  CHECK(sent("backend  add shop 127.0.0.1:1") == "backend  add shop 127.0.0.1:1");
  CHECK(name(with_whole_paths("upgrade --binary sluice", "/home/my own").error().code) == "usage");
}

TEST_CASE("who goes on waiting repeats what the command was about, and no condition of the change") {
  const auto command =
      parse_command("backend add shop 127.0.0.1:1 --weight 5 --wait 30s --if-revision 7 --json --version=v2");
  REQUIRE(command);
  CHECK(wait_of(*command) == 30s);
  CHECK(line_to_go_on_waiting(*command, 8, 12345ms) ==
        "backend add shop 127.0.0.1:1 --json --version=v2 --weight=5 --wait=12345ms --made=8");
  const auto again = parse_command("backend drain shop 127.0.0.1:1 --wait=12345ms --made=8");
  REQUIRE(again);
  CHECK(line_to_go_on_waiting(*again, 8, -5ms) == "backend drain shop 127.0.0.1:1 --wait=1ms --made=8");
  CHECK_FALSE(wait_of(*parse_command("backend drain shop 127.0.0.1:1")));
}

}  // namespace
}  // namespace sluice::admin
