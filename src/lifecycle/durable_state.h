// The desired state, and the file that keeps its changes: on disk first, then so.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/lifecycle/desired_state.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lifecycle/durable_file.h"
#include "lifecycle/state_file.h"

namespace sluice::lifecycle {

/// Control's. Without a path for the file the changes live in memory alone.
class DurableState {
 public:
  /// `file` is the configuration, which names the path. A damaged file is set aside, told in the log, and the
  /// start goes on without it. An error when it cannot be opened or read, another process has it, or a newer
  /// Sluice wrote it: to go on would forget what was acknowledged.
  static Result<std::unique_ptr<DurableState>> open(config::Config file, Log& log);

  /// What the process before this one leaves: its changes, and the lock of the file that it keeps them in.
  struct Inherited {
    SavedState saved{};
    config::Places places{};
    std::string path{};
    net::Descriptor lock{};
  };
  /// Nothing is written before the first advance(), but another file than before has to be one that can be:
  /// an error otherwise. With a probation redundant changes are kept.
  static Result<std::unique_ptr<DurableState>> inherit(config::Config file, Inherited from, Log& log);

  const DesiredState& desired() const { return desired_; }
  /// The newest one of the process before this one; 0 when nothing is known of it.
  uint64_t last_generation() const { return last_generation_; }

  /// Makes `next` the desired state, of which generation `number` is to be made; or nothing has happened, and
  /// the error says why. What changes nothing of what was acknowledged does not need the disk.
  Result<void> advance(DesiredState next, uint64_t number);

  /// The same in two steps, for what has been acknowledged before: whatever becomes of the disk.
  void assume(DesiredState next) { desired_ = std::move(next); }
  /// Likewise: nothing comes back that has to know of changes that the file has caught up with.
  void forget_redundant() { desired_.forget_redundant(); }
  void write(uint64_t number);
  /// What the file says now that another process has written it; nothing when there is none, or it cannot be
  /// read.
  std::optional<SavedState> read_again();

  /// Null: there is none.
  const DurableFile* file() const { return file_.get(); }
  /// The file is another process's from now on.
  void let_go_of_file() { file_.reset(); }

 private:
  DurableState(DesiredState desired, std::unique_ptr<DurableFile> file, uint64_t last_generation, Log& log)
      : log_(log), file_(std::move(file)), desired_(std::move(desired)), last_generation_(last_generation) {}
  Result<void> save(const DesiredState& next, uint64_t number);

  Log& log_;
  std::unique_ptr<DurableFile> file_;
  DesiredState desired_;
  uint64_t last_generation_;
};

/// A warning for each change that does not apply.
void tell_waiting(const DesiredState& desired, Log& log);

}  // namespace sluice::lifecycle
