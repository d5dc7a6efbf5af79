// The answer to one command, in both of its spellings.
#pragma once

#include <sluice/base/result.h>
#include <sluice/json/value.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::admin {

/// On one line. Bytes that are no UTF-8 (a path, perhaps) are replaced rather than thrown about.
std::string dumped(const json::Value& json);

struct Reply {
  std::vector<std::string> lines{};          ///< for people and for grep
  json::Value data = json::Value::object();  ///< the same for programs
  std::string ok{};                          ///< what follows `ok` in text, as "generation=7"
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
