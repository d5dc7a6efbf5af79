// What one configuration has otherwise than another, in lines for people.
#pragma once

#include <sluice/config/config.h>

#include <string>
#include <vector>

namespace sluice::config {

/// "+ backend shop 127.0.0.1:9003", "- route shop.example/api",
/// "~ limits: head = "64KiB" (was "32KiB")". Empty when the two do the same.
std::vector<std::string> differences(const Config& before, const Config& after);

}  // namespace sluice::config
