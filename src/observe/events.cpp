#include <sluice/base/text.h>
#include <sluice/observe/events.h>

#include <algorithm>
#include <iterator>

#include "observe/log_line.h"
#include "observe/time_text.h"

namespace sluice::observe {
namespace {

constexpr Duration kSoon{1};

bool is_key(std::string_view word) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !word.empty() && std::ranges::all_of(word, fits);
}

/// How long the value is that `text` begins with, as field() wrote it.
size_t value_length(std::string_view text) {
  if (!text.starts_with('"')) return std::min(text.find(' '), text.size());
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Undoes what field() has done.
std::string unquoted(std::string_view value) {
  if (!value.starts_with('"')) return std::string(value);
  value.remove_prefix(1);
  if (value.ends_with('"')) value.remove_suffix(1);
  std::string plain;
  for (size_t i = 0; i < value.size(); ++i) {
    const char next = value[i] == '\\' && i + 1 < value.size() ? value[i + 1] : '\0';
    const bool has_code = next == 'x' && i + 3 < value.size();
    const int high = has_code ? hex_digit(value[i + 2]) : -1;
    const int low = has_code ? hex_digit(value[i + 3]) : -1;
    if (next == 'n' || next == 'r' || next == 't') {
      plain += next == 'n' ? '\n' : next == 'r' ? '\r' : '\t';
      ++i;
    } else if (high >= 0 && low >= 0) {
      plain += static_cast<char>(high * 16 + low);
      i += 3;
    } else if (next == '"' || next == '\\') {
      plain += next;
      ++i;
    } else {
      plain += value[i];
    }
  }
  return plain;
}

}  // namespace

EventParts parts_of(std::string_view text) {
  EventParts parts;
  while (!text.empty()) {
    const size_t equals = text.find('=');
    const size_t space = text.find(' ');
    if (equals < space && is_key(text.substr(0, equals))) {
      const std::string_view rest = text.substr(equals + 1);
      const size_t length = value_length(rest);
      parts.fields.emplace_back(text.substr(0, equals), unquoted(rest.substr(0, length)));
      text = rest.substr(length);
    } else {
      const size_t length = std::min(space, text.size());
      if (length > 0) parts.what += concat({parts.what.empty() ? "" : " ", text.substr(0, length)});
      text.remove_prefix(length);
    }
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
  return parts;
}

bool is_number(std::string_view value) {
  if (value.starts_with('-')) value.remove_prefix(1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_plain = !value.empty() && value.size() <= 15 && std::ranges::all_of(value, is_digit);
  return is_plain && (value.size() == 1 || value.front() != '0');
}

std::string event_line(const LoggedEvent& event) {
  std::string line = std::to_string(event.number) + ' ';
  append_log_line(line, LogFormat::text, event.time, event.level, event.text);
  line.pop_back();  // its newline
  return line;
}

std::string event_time(const LoggedEvent& event) {
  std::string text;
  append_iso_time(text, event.time);
  return text;
}

/// One wait for what comes after `since`.
struct Events::Waiting {
  uint64_t since = 0;
  bool is_cancelled = false;
  Pending<> pending{[this] { is_cancelled = true; }};
};

Events::Events(Log& log, Deadlines& deadlines) : log_(log), deadlines_(deadlines) {}

Events::~Events() = default;

void Events::write(LogLevel level, std::string_view line) {
  if (level >= LogLevel::info) {
    kept_.push_back({.number = ++newest_,
                     .time = wall_time(),
                     .level = level,
                     .text = valid_utf8(line.substr(0, kLongestText))});
    if (kept_.size() > kMost) kept_.pop_front();
    // Not from here: the caller is in the middle of something.
    if (!waiting_.empty() && !tell_.is_armed()) deadlines_.arm(tell_, kSoon);
  }
  log_.write(level, line);
}

std::vector<LoggedEvent> Events::since(uint64_t since, size_t most) const {
  const auto first = std::ranges::upper_bound(kept_, since, {}, &LoggedEvent::number);
  const auto count = std::min(most, static_cast<size_t>(kept_.end() - first));
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

Wait Events::when_after(uint64_t since, std::function<void()> callback) {
  std::erase_if(waiting_, [](const auto& waiting) { return waiting->is_cancelled; });
  waiting_.push_back(std::make_unique<Waiting>());
  Waiting& waiting = *waiting_.back();
  waiting.since = since;
  if (newest_ > since) deadlines_.arm(tell_, kSoon);
  return waiting.pending.wait(std::move(callback));
}

void Events::tell() {
  // A callback may wait again, and may cancel others. Nothing is touched of one that has fired.
  std::vector<std::unique_ptr<Waiting>> now = std::exchange(waiting_, {});
  for (auto& waiting : now) {
    if (waiting->is_cancelled) continue;
    if (newest_ > waiting->since) {
      waiting->pending.fire();
    } else {
      waiting_.push_back(std::move(waiting));
    }
  }
}

Events::Subscription Events::follow() {
  if (*followers_ >= kMostFollowers) return nullptr;
  ++*followers_;
  return {followers_.get(), [count = followers_](unsigned* followers) { --*followers; }};
}

void Events::seed(std::vector<LoggedEvent> earlier) {
  if (earlier.empty()) return;
  const uint64_t before = earlier.back().number + kGap;
  newest_ += before;
  for (LoggedEvent& event : kept_) event.number += before;
  kept_.insert(kept_.begin(), std::make_move_iterator(earlier.begin()),
               std::make_move_iterator(earlier.end()));
  while (kept_.size() > kMost) kept_.pop_front();
}

void Events::append_from(std::vector<LoggedEvent> noted, uint64_t newest) {
  for (LoggedEvent& event : noted) {
    newest = std::max(newest, event.number);
    if (event.number > newest_) kept_.push_back(std::move(event));
  }
  while (kept_.size() > kMost) kept_.pop_front();
  newest_ = std::max(newest_, newest) + kGap;
}

}  // namespace sluice::observe
