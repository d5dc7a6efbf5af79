// The answer to one command, in both of its spellings.
#pragma once

#include <sluice/base/result.h>

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace sluice::admin {

/// On one line. Bytes that are no UTF-8 (a path, perhaps) are replaced rather than thrown about.
std::string dumped(const nlohmann::ordered_json& json);

struct Reply {
  std::vector<std::string> lines{};                                ///< for people and for grep
  nlohmann::ordered_json data = nlohmann::ordered_json::object();  ///< the same for programs
  std::string ok{};  ///< what follows `ok` in text, as "generation=7"
  std::optional<Error> error{};

  static Reply failed(Error error) {
    Reply reply;
    reply.error = std::move(error);
    return reply;
  }

  /// Whole, with its last newline.
  std::string text() const;
  std::string json() const;
};

}  // namespace sluice::admin
