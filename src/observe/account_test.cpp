#include <sluice/observe/account.h>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

TEST_CASE("a ledger balances when every request is in flight, has ended once, or lives elsewhere") {
  WorkerCounters counters;
  counters.accepted.add(5);
  counters.end(Disposition::ok);
  counters.end(Disposition::client_abort);
  CHECK(account_of(counters, 0, 3).is_balanced());
  CHECK_FALSE(account_of(counters, 0, 2).is_balanced());
  counters.left.add();
  CHECK(account_of(counters, 0, 2).is_balanced());
  counters.taken.add();
  CHECK(account_of(counters, 0, 3).is_balanced());
  counters.end(Disposition::ok);
  counters.end(Disposition::ok);  // Twice.
  CHECK_FALSE(account_of(counters, 0, 2).is_balanced());
}

TEST_CASE("accounts add up") {
  WorkerCounters counters;
  counters.accepted.add(2);
  counters.end(Disposition::ok);
  Account sum = account_of(counters, 0, 1);
  sum.add(account_of(counters, 1, 1));
  CHECK(sum.accepted == 4);
  CHECK(sum.in_flight == 2);
  CHECK(sum.ended_in_all() == 2);
  CHECK(sum.is_balanced());
}

}  // namespace
}  // namespace sluice::observe
