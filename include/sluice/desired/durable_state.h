// The desired state, and the file that keeps its changes: on disk first, then in effect.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/desired/desired_state.h>
#include <sluice/desired/state_file.h>
#include <sluice/desired/state_store.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace sluice::desired {

/// Control's. Without a store, or a path for the file, the changes live in memory alone.
class DurableState {
 public:
  /// `file` is the configuration, which names the path in `store`. A damaged file is set aside and logged,
  /// and the start goes on without it. An error when it cannot be opened or read, another process has it, or
  /// a newer Sluice wrote it: to go on would forget what was acknowledged.
  static Result<std::unique_ptr<DurableState>> open(config::Config file, StateStore* store, Log& log);

  /// What the process before this one leaves: its changes, and the lock of the file that it keeps them in.
  struct Inherited {
    SavedState saved{};
    config::ResolvedNames places{};
    std::string path{};
    net::Descriptor lock{};
    uint64_t reads = kNewestState;  ///< the newest version of a state file
  };
  /// Nothing is written before the first advance() or write(), but a file other than the predecessor's has to
  /// be writable: an error otherwise. With a probation, redundant changes are kept, and changes that the
  /// predecessor could not read are refused.
  static Result<std::unique_ptr<DurableState>> inherit(config::Config file, Inherited from, StateStore* store,
                                                       Log& log);

  const DesiredState& desired() const { return desired_; }
  /// The newest one of the process before this one; 0 when nothing is known of it.
  uint64_t last_generation() const { return last_generation_; }

  /// Makes `next` the desired state, of which generation `number` is to be made; or nothing has happened, and
  /// the error says why. A `next` that changes nothing of what was acknowledged does not need the disk. An
  /// error of code conflict for changes that a predecessor on standby could not read.
  Result<void> advance(DesiredState next, uint64_t number);

  /// The same in two steps, for what has been acknowledged before: it takes effect even if the disk cannot be
  /// written.
  void set_in_memory(DesiredState next) { desired_ = std::move(next); }
  /// Likewise: no predecessor will come back that has to know of changes that the file has caught up with, or
  /// to read what this process writes.
  void be_alone();
  void write(uint64_t number);
  /// What the file says now that another process has written it; nothing when there is none, or it cannot be
  /// read.
  std::optional<SavedState> reload();

  /// Null: there is none.
  const StateStore::File* file() const { return file_.get(); }
  /// The file is another process's from now on.
  void release_file() { file_.reset(); }

 private:
  DurableState(DesiredState desired, std::unique_ptr<StateStore::File> file, uint64_t last_generation,
               Log& log)
      : log_(log), file_(std::move(file)), desired_(std::move(desired)), last_generation_(last_generation) {}
  Result<void> save(const DesiredState& next, uint64_t number);

  Log& log_;
  std::unique_ptr<StateStore::File> file_;
  DesiredState desired_;
  uint64_t last_generation_;
  uint64_t other_reads_ = kNewestState;  // the newest version that a predecessor on standby can read
};

/// A warning for each change that does not apply.
void log_waiting(const DesiredState& desired, Log& log);

}  // namespace sluice::desired
