// The text of the state file: what outlives the process. Pure; a StateStore keeps it.
#pragma once

#include <sluice/base/result.h>
#include <sluice/desired/desired_state.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::desired {

struct SavedState {
  uint64_t generation = 0;  ///< the newest one's number, so that a number never means two things
  Changes changes{};
  bool operator==(const SavedState&) const = default;
};

/// Versions of the file: the newest that this process reads, and the newest read by releases that do not say.
inline constexpr uint64_t kNewestState = 4;  // weight 0
inline constexpr uint64_t kUnsaidState = 3;

/// The oldest version that can say this, so that an older Sluice reads the file if it can.
uint64_t state_version(const Changes& changes);

/// JSON. An error of code usage when parse_state() would not give just this back, as of a name that is no
/// UTF-8.
Result<std::string> state_text(const SavedState& state);

/// All of it or an error: of code unsupported when a newer version of Sluice wrote it, else malformed.
Result<SavedState> parse_state(std::string_view text);

}  // namespace sluice::desired
