#include "proxy/drain_header.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <array>

namespace sluice::proxy {
namespace {

constexpr std::array<std::string_view, 4> kNo = {"", "0", "false", "no"};

}  // namespace

DrainSignal drain_signal(const http::ResponseHead& head, std::string_view name) {
  DrainSignal word = DrainSignal::none;
  for (const http::Field& field : head.fields()) {
    if (head.name(field).size() != name.size() || !equals_ignoring_case(head.name(field), name)) continue;
    const auto is_value = [&](std::string_view no) { return equals_ignoring_case(head.value(field), no); };
    if (std::ranges::none_of(kNo, is_value)) return DrainSignal::drains;
    word = DrainSignal::goes_on;
  }
  return word;
}

}  // namespace sluice::proxy
