// A log for tests.
#pragma once

#include <sluice/base/log.h>

#include <string>
#include <string_view>

namespace sluice {

class RememberingLog final : public Log {
 public:
  void write(LogLevel level, std::string_view line) override {
    text += std::string(name(level)) + " " + std::string(line) + "\n";
  }
  bool has(const std::string& part) const { return text.find(part) != std::string::npos; }
  std::string text;
};

}  // namespace sluice
