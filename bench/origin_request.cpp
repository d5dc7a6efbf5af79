// One pass over the lines of a head; only those that say where the request ends are looked into.
#include "origin_request.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sluice::bench {
namespace {

/// The value of the field, when the line is of that name ("name:", lower case); else a null view.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (line.size() < name.size() || strncasecmp(line.data(), name.data(), name.size()) != 0) return {};
  line.remove_prefix(name.size());
  while (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

bool is(std::string_view value, std::string_view word) {
  return value.size() == word.size() && strncasecmp(value.data(), word.data(), word.size()) == 0;
}

void read_start_line(std::string_view line, Request& request) {
  const auto begin = std::min(line.find(' '), line.size() - 1) + 1;
  const auto end = std::min(line.rfind(' '), line.size());
  request.target = line.substr(begin, end > begin ? end - begin : 0);
  request.old = request.close = line.ends_with("HTTP/1.0");
}

void read_field(std::string_view line, Request& request) {
  const char first = static_cast<char>(line.front() | 0x20);
  if (first == 't') {
    request.chunked |= !value_of(line, "transfer-encoding:").empty();
  } else if (first == 'c') {
    if (const auto length = value_of(line, "content-length:"); !length.empty())
      std::from_chars(length.data(), length.data() + length.size(), request.length);
    else if (const auto connection = value_of(line, "connection:"); !connection.empty())
      request.close = !is(connection, "keep-alive") && (request.close || is(connection, "close"));
  }
}

}  // namespace

size_t read_head(std::string_view bytes, Request& request) {
  size_t begin = 0;
  while (begin < bytes.size()) {
    const void* found = std::memchr(bytes.data() + begin, '\n', bytes.size() - begin);
    if (found == nullptr) return 0;
    const auto end = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    std::string_view line = bytes.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && begin > 0) return end + 1;
    if (begin == 0 && !line.empty())
      read_start_line(line, request);
    else if (!line.empty())
      read_field(line, request);
    begin = end + 1;
  }
  return 0;
}

size_t ChunkedBody::take(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size() && state_ != State::complete) {
    if (state_ == State::data) {
      const auto count = std::min<uint64_t>(left_, bytes.size() - at);
      left_ -= count;
      at += static_cast<size_t>(count);
      if (left_ == 0) state_ = State::size;
    } else if (const char c = bytes[at++]; state_ == State::size) {
      take_size(c);
    } else {
      take_trailer(c);
    }
  }
  return at;
}

void ChunkedBody::take_size(char c) {
  if (c == '\r') return;
  if (c != '\n') {
    left_ = left_ * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    return;
  }
  state_ = left_ == 0 ? State::trailer : State::data;
  if (left_ != 0) left_ += 2;
}

void ChunkedBody::take_trailer(char c) {
  if (c == '\r') return;
  if (c != '\n') {
    line_empty_ = false;
    return;
  }
  if (line_empty_) state_ = State::complete;
  line_empty_ = true;
}

}  // namespace sluice::bench
