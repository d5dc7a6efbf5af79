#include <sluice/observe/account.h>

namespace sluice::observe {

void Account::add(const Account& other) {
  accepted += other.accepted;
  adopted += other.adopted;
  handed_off += other.handed_off;
  in_flight += other.in_flight;
  for (size_t i = 0; i < kDispositions; ++i) ended[i] += other.ended[i];
}

Account account_of(const WorkerCounters& counters, unsigned worker, uint64_t in_flight) {
  Account account{.worker = worker,
                  .accepted = counters.accepted.get(),
                  .adopted = counters.taken.get(),
                  .handed_off = counters.left.get(),
                  .in_flight = in_flight};
  for (size_t i = 0; i < kDispositions; ++i) account.ended[i] = counters.ended[i].get();
  return account;
}

}  // namespace sluice::observe
