// The figures of a reply as people read them on a terminal. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::admin {

/// `line`, as a reply has it, with times and sizes in units that suit them: `held_ms=192000` becomes
/// `held=3m12s`, `age=90500ms` becomes `age=1m30s`, `sent=1234567` becomes `sent=1.2MB`. All else stays as it
/// is.
std::string readable(std::string_view line);

}  // namespace sluice::admin
