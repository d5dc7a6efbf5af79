#include "control/generation_ledger.h"

#include <doctest/doctest.h>

namespace sluice::control {
namespace {

std::shared_ptr<proxy::Generation> generation(uint64_t number) {
  return std::make_shared<proxy::Generation>(number, "test", std::make_shared<config::Config>(),
                                             std::map<std::string, proxy::Generation::States, std::less<>>(),
                                             4);
}

TEST_CASE("a generation is gone when the last worker has dropped it, and adopted when all have taken it") {
  GenerationLedger ledger;
  ledger.publish(generation(1), {}, {0, 1});
  CHECK(!ledger.is_adopted(1));
  ledger.adopted(0, 1);
  CHECK(!ledger.is_adopted(1));
  ledger.adopted(1, 1);
  CHECK(ledger.is_adopted(1));
  ledger.publish(generation(2), {}, {0, 1});
  CHECK(!ledger.drained(0, 1));
  CHECK(!ledger.drained(0, 1));  // Said twice.
  CHECK(ledger.drained(1, 1));
  CHECK(ledger.entries().size() == 1);
}

TEST_CASE("a worker that comes has to adopt, too; one that has gone holds up nothing") {
  GenerationLedger ledger;
  ledger.publish(generation(1), {}, {0});
  ledger.adopted(0, 1);
  ledger.publish(generation(2), {}, {0, 1});
  ledger.adopted(0, 2);
  CHECK(!ledger.is_adopted(2));
  ledger.adopted(1, 2);
  CHECK(ledger.is_adopted(2));
  CHECK(ledger.drained(0, 1));  // The new one never had it.
  ledger.publish(generation(3), {}, {0, 1});
  ledger.adopted(0, 3);
  CHECK(!ledger.drained(0, 2));
  CHECK(ledger.worker_gone(1) == std::vector<uint64_t>{2});
  CHECK(ledger.is_adopted(3));
  ledger.adopted(1, 2);  // Late news of it.
  CHECK(!ledger.drained(1, 3));
  CHECK(ledger.is_adopted(3));
  CHECK(ledger.entries().size() == 1);
}

}  // namespace
}  // namespace sluice::control
