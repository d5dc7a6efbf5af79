// ejection and drain_header of a pool.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

Pool pool_of(const std::string& keys) {
  return *valid(std::string(kSmallest) + keys).pools.at("shop");
}

TEST_CASE("ejection is off, and true or a table turns it on") {
  CHECK(pool_of("").ejection == Ejection{});
  CHECK_FALSE(Ejection{}.enabled);
  CHECK(pool_of("ejection = true").ejection == Ejection{.enabled = true});
  CHECK(pool_of("ejection = {}").ejection == Ejection{.enabled = true});
  CHECK(pool_of("ejection = false").ejection == Ejection{});
  CHECK(pool_of(
            "ejection = { failures = 3, statuses = \"5xx\", time = \"1s\", most_time = \"1m\", share = 100 }")
            .ejection == Ejection{.enabled = true,
                                  .failures = 3,
                                  .statuses = FailureStatuses::server_errors,
                                  .time = 1s,
                                  .most_time = 1min,
                                  .share = 100});
}

TEST_CASE("statuses are failures by choice; 501 and 505 judge the request") {
  const auto failures = [](FailureStatuses statuses) {
    std::string all;
    for (const int status : {200, 404, 499, 500, 501, 502, 503, 504, 505, 507, 599}) {
      if (Ejection{.statuses = statuses}.counts(status)) all += std::to_string(status) + " ";
    }
    return all;
  };
  CHECK(failures(FailureStatuses::none).empty());
  CHECK(failures(FailureStatuses::gateway) == "502 503 504 ");
  CHECK(failures(FailureStatuses::server_errors) == "500 502 503 504 507 599 ");
}

TEST_CASE("a drain header is a name, or a table with one") {
  CHECK(pool_of("").drain_header.name.empty());
  CHECK(pool_of("drain_header = \"X-Draining\"").drain_header == DrainHeader{.name = "X-Draining"});
  CHECK(pool_of("drain_header = { name = \"X-Bye\", hold = \"2m\" }").drain_header ==
        DrainHeader{.name = "X-Bye", .hold = 2min});
}

TEST_CASE("what is wrong with them is told") {
  check(kSmallest,
        {{"ejection = 5", "6:12: pool.shop.ejection: expected true, false or a table, got an integer"},
         {"ejection = { share = 0 }",
          "6:22: pool.shop.ejection.share: expected a whole number from 1 to 100, got 0"},
         {"ejection = { time = \"10m\" }",
          "6:12: pool.shop.ejection.most_time: expected at least time, got \"5m\""},
         {"ejection = { statuses = \"4xx\" }",
          "6:25: pool.shop.ejection.statuses: expected one of \"none\", \"gateway\", \"5xx\", got \"4xx\""},
         {"ejection = { failure = 1 }",
          "6:14: pool.shop.ejection.failure: unknown key, did you mean \"failures\"?"},
         {"drain_header = true",
          "6:16: pool.shop.drain_header: expected the name of a field, or a table, got a boolean"},
         {"drain_header = \"Content-Length\"",
          "6:16: pool.shop.drain_header: Content-Length cannot be edited: Sluice alone says where a message "
          "ends"},
         {"drain_header = { hold = \"1s\" }",
          "6:16: pool.shop.drain_header.name: expected the name of a field, such as \"X-Draining\""}},
        "");
}

}  // namespace
}  // namespace sluice::config
