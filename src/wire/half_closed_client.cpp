#include "wire/half_closed_client.h"

#include <algorithm>
#include <utility>

namespace sluice::wire {
namespace {

/// What every answer begins with.
constexpr std::string_view kStart = "HTTP/1.1 ";
constexpr Duration kFirstLook{100};
constexpr Duration kLongestLook{120'000};
/// A client that ends its direction within an answer is believed to read on as long as the answer flows.
constexpr Duration kLongestSilence{500};

}  // namespace

HalfClosedClient::HalfClosedClient(Deadlines& deadlines, net::Transport& transport,
                                   std::function<void()> on_gone)
    : deadlines_(deadlines),
      transport_(transport),
      on_gone_(std::move(on_gone)),
      next_([this] { look(); }),
      interval_(kFirstLook) {
  deadlines_.arm(next_, interval_);
}

void HalfClosedClient::expect_answer_to_flow() {
  in_answer_ = true;
  interval_ = kLongestSilence;
  deadlines_.arm(next_, interval_);
}

void HalfClosedClient::skip_sent(std::string_view& first, bool is_final) {
  answered_ |= is_final;
  is_silent_ = false;
  first.remove_prefix(std::exchange(sent_, 0));
}

void HalfClosedClient::report_gone() {
  const auto on_gone = on_gone_;  // Outlives this object.
  on_gone();
}

void HalfClosedClient::look() {
  if (transport_.has_broken()) return report_gone();
  if (in_answer_) {
    if (is_silent_ && transport_.pending_bytes() == 0) return report_gone();
    is_silent_ = true;
    return deadlines_.arm(next_, interval_);
  }
  if (!answered_ && sent_ < kStart.size() && transport_.pending_bytes() == 0) {
    const std::string_view next = kStart.substr(sent_, 1);
    static_cast<void>(transport_.write({&next, 1}));  // Sent, or kept and sent later.
    ++sent_;
  }
  deadlines_.arm(next_, interval_);
  interval_ = std::min(interval_ * 3, kLongestLook);
}

}  // namespace sluice::wire
