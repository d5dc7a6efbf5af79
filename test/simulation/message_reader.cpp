#include "message_reader.h"

#include <sluice/base/check.h>

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace sluice::simulation {
namespace {

constexpr size_t kLongestHead = 4096;
constexpr size_t kLongestLine = 256;

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
  });
}

bool is_same_name(std::string_view one, std::string_view two) {
  return one.size() == two.size() && ::strncasecmp(one.data(), two.data(), one.size()) == 0;
}

uint64_t number_in(std::string_view text, int base) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  CHECK(error == std::errc() && end == text.data() + text.size());
  return number;
}

}  // namespace

size_t MessageReader::read(std::string_view bytes) {
  const size_t before = bytes.size();
  while (!bytes.empty() && state_ != State::whole) {
    size_t used = 0;
    switch (state_) {
      case State::head:
        used = read_head(bytes);
        break;
      case State::body:
      case State::chunk_data:
        used = read_data(bytes);
        break;
      default:
        used = read_line(bytes);
    }
    bytes.remove_prefix(used);
  }
  return before - bytes.size();
}

void MessageReader::end() {
  if (state_ == State::body && framing_ == Framing::until_close) state_ = State::whole;
}

void MessageReader::next() {
  state_ = State::head;
  head_.clear();
  line_.clear();
  body_.clear();
}

size_t MessageReader::read_head(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const size_t before = head_.size();
  head_.append(bytes);
  CHECK(head_.front() > ' ');  // No blank line before it, and no folded one.
  const size_t found = head_.find(kEnd, before < 3 ? 0 : before - 3);
  if (found == std::string::npos) {
    CHECK(head_.size() <= kLongestHead);
    return bytes.size();
  }
  head_.resize(found + kEnd.size());
  const size_t used = head_.size() - before;
  on_head();
  return used;
}

void MessageReader::on_head() {
  std::string_view lines = std::string_view(head_).substr(start_line().size() + 2);
  lines.remove_suffix(2);
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    CHECK(is_token(line.substr(0, line.find(':'))));
    CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }));
  }
  if (of_ == Of::request) {
    CHECK(is_token(method()) && target().starts_with('/') && word(2) == "HTTP/1.1");
    CHECK(!find("Host").empty());
  } else {
    CHECK(start_line().size() >= 12 && start_line().starts_with("HTTP/1.1 "));
  }
  choose_framing();
}

/// RFC 9112 6.3.
void MessageReader::choose_framing() {
  const auto coding = find("Transfer-Encoding");
  const auto length = find("Content-Length");
  CHECK(coding.empty() || (coding == "chunked" && length.empty()));
  left_ = length.empty() ? 0 : number_in(length, 10);
  const bool is_response = of_ == Of::response;
  const bool is_bodiless = is_response && (to_head_ || status() < 200 || status() == 204 || status() == 304);
  if (is_bodiless || (!is_response && coding.empty() && left_ == 0) || (!length.empty() && left_ == 0)) {
    framing_ = Framing::none;
    state_ = State::whole;
  } else if (!coding.empty()) {
    framing_ = Framing::chunked;
    state_ = State::chunk_size;
  } else {
    framing_ = length.empty() ? Framing::until_close : Framing::length;
    state_ = State::body;
  }
}

size_t MessageReader::read_data(std::string_view bytes) {
  if (framing_ == Framing::until_close) {
    body_.append(bytes);
    return bytes.size();
  }
  const size_t size = std::min<uint64_t>(bytes.size(), left_);
  body_.append(bytes.substr(0, size));
  left_ -= size;
  if (left_ == 0) state_ = framing_ == Framing::chunked ? State::chunk_end : State::whole;
  return size;
}

/// A chunk's size, the line end behind its data, or a trailer.
size_t MessageReader::read_line(std::string_view bytes) {
  const auto end = bytes.find('\n');
  const size_t used = end == std::string_view::npos ? bytes.size() : end + 1;
  line_.append(bytes.substr(0, used));
  CHECK(line_.size() <= kLongestLine);
  if (end == std::string_view::npos) return used;
  CHECK(line_.ends_with("\r\n"));
  line_.resize(line_.size() - 2);
  on_line();
  line_.clear();
  return used;
}

void MessageReader::on_line() {
  if (state_ == State::chunk_end) {
    CHECK(line_.empty());
    state_ = State::chunk_size;
  } else if (state_ == State::chunk_size) {
    left_ = number_in(line_, 16);
    state_ = left_ == 0 ? State::trailers : State::chunk_data;
  } else if (line_.empty()) {
    state_ = State::whole;
  } else {
    CHECK(is_token(std::string_view(line_).substr(0, line_.find(':'))));
  }
}

std::string_view MessageReader::word(size_t index) const {
  std::string_view rest = start_line();
  for (; index > 0; --index) {
    const size_t space = rest.find(' ');
    CHECK(space != std::string_view::npos);
    rest.remove_prefix(space + 1);
  }
  return rest.substr(0, rest.find(' '));
}

int MessageReader::status() const {
  return static_cast<int>(number_in(word(1), 10));
}

std::string_view MessageReader::find(std::string_view name) const {
  std::string_view lines = std::string_view(head_).substr(start_line().size() + 2);
  std::string_view found;
  while (lines.size() > 2) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const size_t colon = line.find(':');
    if (!is_same_name(line.substr(0, colon), name)) continue;
    CHECK(found.empty());
    found = line.substr(colon + 1);
    while (found.starts_with(' ')) found.remove_prefix(1);
  }
  return found;
}

}  // namespace sluice::simulation
