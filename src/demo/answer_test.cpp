#include "demo/answer.h"

#include <doctest/doctest.h>

namespace sluice::demo {
namespace {

Answer answer(std::string_view path) {
  Ping ping = Ping::ok;
  return answer_to(path, "", {}, ping);
}

TEST_CASE("/ping does what /control says, until that changes") {
  Ping ping = Ping::ok;
  const auto status_after = [&ping](std::string_view what) {
    CHECK(answer_to(std::string("/control/ping/").append(what), "", {}, ping).body == "done\n");
    return answer_to("/ping", "", {}, ping).status;
  };
  CHECK(answer_to("/ping", "", {}, ping).body == "pong\n");
  CHECK(status_after("draining") == 503);
  CHECK(status_after("fail") == 500);
  CHECK(status_after("ok") == 200);
  status_after("hang");
  CHECK(answer_to("/ping", "", {}, ping).kind == Answer::Kind::none);
  CHECK(answer_to("/control/ping/nonsense", "", {}, ping).status == 404);
  CHECK(ping == Ping::hang);
}

TEST_CASE("the paths answer what they are documented to") {
  Ping ping = Ping::ok;
  CHECK(answer_to("/echo", "back", {}, ping).body == "back");
  CHECK(answer_to("/hello", "", {.delay = Duration{7}}, ping).delay == Duration{7});
  CHECK(answer("/hello").body == "Hello World!\n");
  CHECK(answer("/bytes/12").filler_bytes == 12);
  CHECK(answer("/slow/250").delay == Duration{250});
  CHECK(answer("/status/204").status == 204);
  CHECK(answer("/stream/3/20").chunks == 3);
  CHECK(answer("/stream/3/20").chunk_every == Duration{20});
  CHECK(answer("/stream/3").chunk_every == Duration{1});
  CHECK(answer("/abort").kind == Answer::Kind::broken);
  CHECK(answer("/abort-midway").body.ends_with("only the beginning"));
  CHECK(answer("/garbage").kind == Answer::Kind::broken);
  CHECK(answer("/").status == 404);
}

TEST_CASE("numbers out of all bounds are brought within them, and nonsense is none") {
  CHECK(answer("/bytes/18446744073709551615").filler_bytes == uint64_t{1} << 30);
  CHECK(answer("/bytes/-1").filler_bytes == 0);
  CHECK(answer("/slow/18446744073709551615").delay == std::chrono::hours{24});
  CHECK(answer("/slow/x").delay == Duration{0});
  for (const auto* status : {"/status/0", "/status/100", "/status/199", "/status/1000", "/status/"}) {
    CAPTURE(status);
    CHECK(answer(status).status == 404);
  }
}

}  // namespace
}  // namespace sluice::demo
