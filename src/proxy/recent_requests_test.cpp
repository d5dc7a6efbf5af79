#include <sluice/proxy/recent_requests.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

constexpr bool kNotable = true;

void add(RecentRequests& recent, bool is_notable, const std::string& id, uint64_t sent = 0) {
  RequestRecord* place = recent.next(is_notable);
  REQUIRE(place != nullptr);
  place->describe({.id = id});
  place->sent = sent;
}

std::string ids(const std::vector<RequestRecord>& records) {
  std::string all;
  for (const auto& each : records) all += std::string(each.id()) + " ";
  return all;
}

TEST_CASE("the newest requests are kept, and the others forgotten") {
  RecentRequests recent;
  recent.configure({.notable = 3, .others = 2});
  for (const char* id : {"a", "b", "c", "d", "e"}) add(recent, kNotable, id);
  CHECK(ids(recent.newest_notable(9, RecentRequests::Which::others, {}, {})) == "e d c ");
  CHECK(ids(recent.newest_notable(2, RecentRequests::Which::others, {}, {})) == "e d ");
  CHECK(recent.find("b", 9).empty());
  CHECK(ids(recent.find("c", 9)) == "c ");
}

TEST_CASE("failures are kept apart, by pool and by time") {
  RecentRequests recent;
  recent.configure({.notable = 9, .others = 0});
  const auto add_one = [&](const char* id, const char* pool, observe::Cause cause, int64_t ended) {
    RequestRecord* const place = recent.next(true);
    *place = {};
    place->describe({.id = id, .pool = pool});
    place->cause = cause;
    place->ended = TimePoint(Duration(ended));
  };
  add_one("a", "shop", observe::Cause::queue_timeout, 10);
  add_one("b", "api", observe::Cause::backend_closed, 20);
  add_one("c", "shop", observe::Cause::ok, 30);
  add_one("d", "shop", observe::Cause::client_gone, 40);
  using Which = RecentRequests::Which;
  CHECK(ids(recent.newest_notable(9, Which::failed, {}, {})) == "d b a ");
  CHECK(ids(recent.newest_notable(2, Which::failed, {}, {})) == "d b ");
  CHECK(ids(recent.newest_notable(9, Which::others, {}, {})) == "c ");
  CHECK(ids(recent.newest_notable(9, Which::failed, "shop", {})) == "d a ");
  CHECK(ids(recent.newest_notable(9, Which::failed, {}, TimePoint(Duration(20)))) == "d b ");
}

TEST_CASE("what is notable is not driven out by what is not") {
  RecentRequests recent;
  recent.configure({.notable = 2, .others = 2});
  add(recent, kNotable, "failed");
  for (int i = 0; i < 100; ++i) add(recent, !kNotable, std::to_string(i));
  CHECK(ids(recent.find("failed", 9)) == "failed ");
  CHECK(ids(recent.find("99", 9)) == "99 ");
  CHECK(recent.find("97", 9).empty());
}

TEST_CASE("of several requests by one id the newest come first") {
  RecentRequests recent;
  recent.configure({.notable = 5, .others = 5});
  for (uint64_t i = 0; i < 4; ++i) add(recent, kNotable, "same", i);
  const auto found = recent.find("same", 2);
  REQUIRE(found.size() == 2);
  CHECK(found[0].sent == 3);
  CHECK(found[1].sent == 2);
}

TEST_CASE("a request is found by an id that was too long to be kept whole") {
  RecentRequests recent;
  recent.configure({.notable = 2, .others = 2});
  const std::string id(100, 'x');
  add(recent, kNotable, id);
  CHECK(recent.find(id, 9).size() == 1);
  CHECK(recent.find(std::string(64, 'x'), 9).size() == 1);
  CHECK(recent.find(std::string(63, 'x'), 9).empty());
}

TEST_CASE("another size keeps the newest") {
  RecentRequests recent;
  recent.configure({.notable = 3, .others = 0});
  for (const char* id : {"a", "b", "c", "d"}) add(recent, kNotable, id);
  recent.configure({.notable = 2, .others = 0});
  CHECK(ids(recent.newest_notable(9, RecentRequests::Which::others, {}, {})) == "d c ");
  recent.configure({.notable = 4, .others = 0});
  add(recent, kNotable, "e");
  CHECK(ids(recent.newest_notable(9, RecentRequests::Which::others, {}, {})) == "e d c ");
  recent.configure({.notable = 0, .others = 0});
  CHECK_FALSE(recent.is_on());
  CHECK(recent.next(kNotable) == nullptr);
}

TEST_CASE("a trace keeps the first attempts and the last, and counts all") {
  Trace trace;
  const TimePoint start{Duration{100}};
  for (int i = 0; i < 7; ++i) {
    trace.attempt_begins();
    if (i == 0) trace.dials(start);
    const Address backend = Address().with_port(static_cast<uint16_t>(i));
    trace.attempt_ends(backend, observe::Cause::backend_closed, 0, start + Duration{i}, start + Duration{9});
  }
  CHECK(trace.count() == 7);
  REQUIRE(trace.attempts().size() == 4);
  CHECK(trace.attempts()[0].dialed);
  CHECK(trace.attempts()[2].backend.port() == 2);
  CHECK_FALSE(trace.attempts()[3].dialed);
  CHECK(trace.attempts()[3].backend.port() == 6);
  CHECK(trace.attempts()[3].began == start + Duration{6});
}

TEST_CASE("a trace sums the waits") {
  Trace trace;
  const TimePoint start{Duration{100}};
  trace.wait_begins(start);
  trace.wait_ends(start + Duration{10});
  trace.wait_begins(start + Duration{20});
  CHECK(trace.is_waiting());
  trace.wait_ends(start + Duration{50});
  CHECK(trace.held() == Duration{40});
  CHECK(trace.waits() == 2);
  trace.clear();
  CHECK(trace.waits() == 0);
}

}  // namespace
}  // namespace sluice::proxy
