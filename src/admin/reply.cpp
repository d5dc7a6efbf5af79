#include "admin/reply.h"

#include <sluice/base/text.h>

#include <algorithm>

namespace sluice::admin {

std::string dumped(const json::Value& json) {
  return json.dump();
}

std::string Reply::text() const {
  if (error) {
    // A line for each problem of a configuration, and the count of them as the verdict.
    const auto& message = error->message;
    if (message.find('\n') == std::string::npos) {
      std::string out;
      for (const auto& line : lines) out += concat({line, "\n"});
      return out + concat({"error ", name(error->code), ": ", message, "\n"});
    }
    const auto count = static_cast<size_t>(std::ranges::count(message, '\n')) + 1;
    return concat({message, "\nerror ", name(error->code), ": ", counted(count, "problem"), "\n"});
  }
  std::string out;
  for (const auto& line : lines) out += concat({line, "\n"});
  return out += concat({"ok", ok.empty() ? "" : " ", ok, "\n"});
}

std::string Reply::json() const {
  json::Value whole;
  if (error) {
    whole = {{"ok", false}, {"error", name(error->code)}, {"message", error->message}};
    whole.update(data);
  } else {
    whole["ok"] = true;
    whole.update(data);
  }
  return dumped(whole) + "\n";
}

}  // namespace sluice::admin
