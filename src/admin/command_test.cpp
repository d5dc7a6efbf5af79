// Taking a line of the admin protocol apart, and putting replies together.
#include "admin/command.h"

#include "admin/reply.h"

#include <doctest/doctest.h>

namespace sluice::admin {
namespace {

TEST_CASE("a line is words and options, wherever the options stand") {
  const auto command = parse_command("  backend add --wait 30s shop\t127.0.0.1:1 --version=v2 --json ");
  REQUIRE(command);
  CHECK(command->words == std::vector<std::string>{"backend", "add", "shop", "127.0.0.1:1"});
  CHECK(command->option("--wait") == "30s");
  CHECK(command->option("--version") == "v2");
  CHECK(command->json);
}

TEST_CASE("a mistake in a line is told") {
  CHECK(parse_command("").error().message == "no command; `help` lists them");
  CHECK(parse_command("x --wiat 3s").error().message == "unknown option --wiat, did you mean --wait?");
  CHECK(parse_command("x --").error().message == "unknown option --; `help` lists them");
  CHECK(parse_command("x --nope").error().message == "unknown option --nope; `help` lists them");
  CHECK(parse_command("x --wait").error().message == "--wait needs a value");
  CHECK(parse_command("x --json=1").error().message == "--json takes no value");
}

TEST_CASE("a reply is lines and a verdict in text, and one line in JSON") {
  Reply reply;
  reply.lines = {"one", "two"};
  reply.ok = "generation=2";
  reply.data["generation"] = 2;
  CHECK(reply.text() == "one\ntwo\nok generation=2\n");
  CHECK(reply.json() == "{\"ok\":true,\"generation\":2}\n");
  const Reply failed = Reply::failed({.code = ErrorCode::not_found, .message = "no \"x\""});
  CHECK(failed.text() == "error not_found: no \"x\"\n");
  CHECK(failed.json() == "{\"ok\":false,\"error\":\"not_found\",\"message\":\"no \\\"x\\\"\"}\n");
  const Reply several = Reply::failed({.code = ErrorCode::invalid_config, .message = "a\nb"});
  CHECK(several.text() == "a\nb\nerror invalid_config: 2 problems\n");
}

}  // namespace
}  // namespace sluice::admin
