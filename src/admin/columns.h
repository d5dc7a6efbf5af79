// A list as people read it on a terminal: a header, and each field below its name. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::admin {

/// Takes the next run of characters without spaces outside of quotes off the line; empty at its end.
std::string_view take_token(std::string_view& line);

/// `lines` are as a reply has them: some words, then key=value fields, which become columns. `words` are the
/// names of the columns before those; what more words there are has none. Words between fields come last,
/// together. A field that a line has not is `-`.
std::vector<std::string> in_columns(const std::vector<std::string>& lines,
                                    const std::vector<std::string_view>& words);

}  // namespace sluice::admin
