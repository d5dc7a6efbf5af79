// What the bench's origin answers: made once for each path, so that a request costs a look-up and a send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sluice::bench {

struct Answer {
  std::string bytes{};  ///< the head, and the body when that is not long
  uint64_t filler = 0;  ///< bytes of filler() that follow
  size_t date_at = 0;
  std::time_t date = 0;
};

/// As many bytes as one gathered write takes of a long body, all alike.
std::string_view filler();

/// /bytes/N, /chunked/N (at most 16 MiB) and /ping; anything else is not found.
class Answers {
 public:
  /// `fields`: lines with CRLF that every answer has besides the usual ones.
  explicit Answers(std::string fields) : fields_(std::move(fields)) {}
  /// Valid for as long as this is. Its date is brought up to date in place: of the same size, so that one who
  /// is midway through sending it does not mind.
  const Answer& to(std::string_view target);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  Answer& find(std::string_view target);
  Answer& add(std::string_view target);

  std::string fields_;
  std::unordered_map<std::string, Answer, Hash, std::equal_to<>> known_;
};

}  // namespace sluice::bench
