#include "admin/reply.h"

#include <sluice/base/text.h>

#include <algorithm>

namespace sluice::admin {

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Reply::text() const {
  if (error) {
    // A line for each problem of a configuration, and the count of them as the verdict.
    const auto& message = error->message;
    if (message.find('\n') == std::string::npos)
      return concat({"error ", name(error->code), ": ", message, "\n"});
    const auto count = static_cast<size_t>(std::ranges::count(message, '\n')) + 1;
    return concat({message, "\nerror ", name(error->code), ": ", std::to_string(count), " problems\n"});
  }
  std::string out;
  for (const auto& line : lines) out += concat({line, "\n"});
  return out += concat({"ok", ok.empty() ? "" : " ", ok, "\n"});
}

std::string Reply::json() const {
  nlohmann::ordered_json whole;
  if (error) {
    whole = {{"ok", false}, {"error", name(error->code)}, {"message", error->message}};
  } else {
    whole["ok"] = true;
    whole.update(data);
  }
  return dumped(whole) + "\n";
}

}  // namespace sluice::admin
