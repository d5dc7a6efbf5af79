// The newest changes and the processes that asked for them: when one undoes what another command waits for,
// the answer to the latter names the former.
#pragma once

#include <sluice/desired/desired_state.h>

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "admin/command.h"

namespace sluice::admin {

/// The process that is connected to the admin socket.
struct Asker {
  uid_t user = 0;
  pid_t process = 0;  ///< 0: unknown
};

/// ` uid=1000 pid=4711`, or nothing.
std::string words(const Asker& asker);

/// All sessions'. The newest few are kept.
class Deeds {
 public:
  /// `command` has made `generation`.
  void note(uint64_t generation, const Command& command, const Asker& asker);

  /// The newest one since `generation` that may have changed this backend, or pool, as `by "backend ready
  /// shop 10.0.0.1:80" of uid=0 pid=12`; else `by a reload, or by another process`.
  std::string by_whom(uint64_t generation, const desired::BackendKey& backend) const;
  std::string by_whom(uint64_t generation, std::string_view pool) const;

 private:
  struct Deed {
    uint64_t generation;
    Command command;
    Asker asker;
  };
  template <class IsAbout>
  std::string newest(uint64_t generation, IsAbout is_about) const;

  std::deque<Deed> deeds_;
};

}  // namespace sluice::admin
