// Figures for people.
#include "admin/readable.h"

#include <doctest/doctest.h>

namespace sluice::admin {
namespace {

TEST_CASE("times have the units that suit them, whichever they came in") {
  for (const auto& [raw, shown] : {std::pair{"0", "0ms"},
                                   {"999", "999ms"},
                                   {"1000", "1s"},
                                   {"1234", "1.2s"},
                                   {"9999", "9.9s"},
                                   {"12345", "12s"},
                                   {"60000", "1m"},
                                   {"192000", "3m12s"},
                                   {"3600000", "1h"},
                                   {"5025000", "1h23m"},
                                   {"86400000", "1d"},
                                   {"187200000", "2d4h"}}) {
    CHECK(readable("held_ms=" + std::string(raw)) == "held=" + std::string(shown));
    CHECK(readable("age=" + std::string(raw) + "ms") == "age=" + std::string(shown));
    CHECK(readable("cut_in=" + std::string(raw) + "ms") == "cut_in=" + std::string(shown));
  }
  CHECK(readable("uptime=192s for=2h") == "uptime=3m12s for=2h");
}

TEST_CASE("sizes have the units that suit them") {
  CHECK(readable("sent=0 received=999") == "sent=0B received=999B");
  CHECK(readable("sent=1000 received=12345") == "sent=1.0kB received=12kB");
  CHECK(readable("sent=1234567 received=1234567890") == "sent=1.2MB received=1.2GB");
  CHECK(readable("sent=18446744073709551615") == "sent=18446PB");
}

TEST_CASE("all else stays as it is") {
  for (const std::string line : {"", "  attempt backend=127.0.0.1:9001 connection=new cause=ok status=200",
                                 "requests=1234567 failures=12",
                                 "shop 10.0.0.1:80 down cause=\"GET /x?age=5s: 404, expected 200 held_ms=5\"",
                                 "age=5ms5 ago=ms for= =5s version=90s", "held_ms=x sent=-1",
                                 "balance = { policy = \"hash\", time = \"90000ms\" }"}) {
    CHECK(readable(line) == line);
  }
}

}  // namespace
}  // namespace sluice::admin
