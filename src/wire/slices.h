// Bytes in several places, made ready to leave in one write.
#pragma once

#include <sluice/base/check.h>
#include <sluice/wire/body.h>

#include <array>

namespace sluice::wire {

/// All that is not empty, in this order; returns how many that are.
inline size_t gather(std::array<std::string_view, kMaxSlices + 3>& all, std::string_view head,
                     std::string_view before, Slices pieces, std::string_view behind) {
  SLUICE_CHECK(pieces.size() <= kMaxSlices);
  size_t count = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty()) all[count++] = piece;
  };
  add(head);
  add(before);
  for (const auto piece : pieces) add(piece);
  add(behind);
  return count;
}

}  // namespace sluice::wire
