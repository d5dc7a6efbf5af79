// What is wrong with a file, as text.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>

namespace sluice::config {

std::string Problem::text() const {
  std::string where = file;
  if (line != 0) where += concat({":", std::to_string(line), ":", std::to_string(column)});
  std::string text = concat({where, ": ", key, key.empty() ? "" : ": ", message});
  // A problem is one line, whatever a quoted key or value holds.
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return text;
}

Error as_error(const Problems& problems) {
  std::string message;
  for (const Problem& problem : problems) message += concat({message.empty() ? "" : "\n", problem.text()});
  return {.code = ErrorCode::invalid_config, .message = std::move(message)};
}

}  // namespace sluice::config
