// server.probation: off unless it is asked for, as a duration or as a table.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

Probation probation_of(const std::string& value) {
  const Config config = valid("[server]\nprobation = " + value + "\n" + std::string(kSmallest));
  CHECK(valid(to_toml(config)).server.probation == config.server.probation);
  return config.server.probation;
}

TEST_CASE("there is no probation by default; a duration asks for one, a table says by what it judges") {
  CHECK(valid(kSmallest).server.probation == Probation{.time = 0s, .failures = 10, .percent = 1});
  CHECK(probation_of("\"30s\"") == Probation{.time = 30s, .failures = 10, .percent = 1});
  CHECK(probation_of("\"0s\"") == Probation{});
  CHECK(probation_of("{ time = \"1m\", failures = 3, percent = 0 }") ==
        Probation{.time = 60s, .failures = 3, .percent = 0});
}

TEST_CASE("mistakes in server.probation") {
  check("[server]",
        {{"probation = 30",
          "2:13: server.probation: expected a duration such as \"500ms\" or \"30s\", got an integer"},
         {"probation = { failures = 0 }",
          "2:26: server.probation.failures: expected a whole number from 1 to 1000000, got 0"},
         {"probation = { percent = 101 }",
          "2:25: server.probation.percent: expected a whole number from 0 to 100, got 101"},
         {"probation = { tim = \"1s\" }", "2:15: server.probation.tim: unknown key, did you mean \"time\"?"}},
        kSmallest);
}

}  // namespace
}  // namespace sluice::config
