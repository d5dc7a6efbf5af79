// Whether a body contains a text; the body comes piece by piece. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::upstream {

/// Looks at no more than the first kMost bytes, and keeps less than the text is long.
class BodySearch {
 public:
  static constexpr size_t kMost = size_t{64} * 1024;

  explicit BodySearch(std::string_view wanted) : wanted_(wanted) {}

  /// Takes the next bytes; true once the text was among those that have come.
  bool feed(std::string_view bytes) {
    bytes = bytes.substr(0, left_);
    left_ -= bytes.size();
    seen_ += bytes;
    if (seen_.find(wanted_) != std::string::npos) return true;
    // What may be the beginning of it.
    seen_.erase(0, seen_.size() - std::min(seen_.size(), wanted_.size() - 1));
    return false;
  }
  /// More bytes would not be looked at.
  bool is_over() const { return left_ == 0; }

 private:
  std::string_view wanted_;  // not empty
  std::string seen_;
  size_t left_ = kMost;
};

}  // namespace sluice::upstream
