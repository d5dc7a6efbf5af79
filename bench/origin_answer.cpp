// Making answers: the fields that any origin sends (Date, Server, Content-Type), and N bytes.
#include "origin_answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace sluice::bench {
namespace {

constexpr size_t kChunk = size_t{16} << 10;
constexpr size_t kLongestChunked = size_t{16} << 20;
constexpr size_t kSentWhole = size_t{64}
                              << 10;  // longer bodies come from the filler, without a copy of their own
constexpr size_t kMostAnswers = 64;
constexpr std::string_view kDate = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
constexpr size_t kDateName = 6;  // "Date: "

Answer make(std::string_view status, std::string_view framing, std::string_view body) {
  Answer answer;
  answer.bytes.append("HTTP/1.1 ").append(status).append("\r\nServer: origin\r\n");
  answer.date_at = answer.bytes.size() + kDateName;
  answer.bytes.append(kDate)
      .append("Content-Type: text/plain\r\n")
      .append(framing)
      .append("\r\n\r\n")
      .append(body);
  return answer;
}

std::string content_length(uint64_t size) {
  return "Content-Length: " + std::to_string(size);
}

Answer make_bytes(uint64_t size) {
  if (size <= kSentWhole)
    return make("200 OK", content_length(size), filler().substr(0, static_cast<size_t>(size)));
  Answer answer = make("200 OK", content_length(size), "");
  answer.filler = size;
  return answer;
}

Answer make_chunked(size_t size) {
  std::string body;
  for (size_t at = 0; at < size; at += kChunk) {
    const size_t count = std::min(kChunk, size - at);
    std::array<char, 16> hex;
    const auto end = std::to_chars(hex.begin(), hex.end(), count, 16).ptr;
    body.append(hex.data(), end).append("\r\n").append(filler().substr(0, count)).append("\r\n");
  }
  return make("200 OK", "Transfer-Encoding: chunked", body.append("0\r\n\r\n"));
}

std::optional<uint64_t> number_behind(std::string_view target, std::string_view prefix) {
  if (!target.starts_with(prefix)) return std::nullopt;
  uint64_t number = 0;
  const char* const end = target.data() + target.size();
  const auto [stop, error] = std::from_chars(target.data() + prefix.size(), end, number);
  if (error != std::errc{} || (stop != end && *stop != '?')) return std::nullopt;
  return number;
}

Answer make_answer(std::string_view target) {
  if (target == "/ping") return make("200 OK", content_length(5), "pong\n");
  if (const auto size = number_behind(target, "/bytes/")) return make_bytes(*size);
  if (const auto size = number_behind(target, "/chunked/"); size && *size <= kLongestChunked)
    return make_chunked(static_cast<size_t>(*size));
  return make("404 Not Found", content_length(10), "not found\n");
}

}  // namespace

std::string_view filler() {
  static const std::string bytes(size_t{1} << 20, 'x');
  return bytes;
}

const Answer& Answers::to(std::string_view target) {
  Answer& answer = find(target);
  if (const std::time_t now = std::time(nullptr); now != answer.date) {
    answer.date = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 30> text;  // "Thu, 01 Jan 1970 00:00:00 GMT"
    const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    answer.bytes.replace(answer.date_at, size, text.data(), size);
  }
  return answer;
}

/// Makes it: the fields come first of all, behind the status line.
Answer& Answers::add(std::string_view target) {
  Answer answer = make_answer(target);
  answer.bytes.insert(answer.bytes.find('\n') + 1, fields_);
  answer.date_at += fields_.size();
  return known_.try_emplace(std::string(target), std::move(answer)).first->second;
}

Answer& Answers::find(std::string_view target) {
  if (const auto known = known_.find(target); known != known_.end()) return known->second;
  if (known_.size() >= kMostAnswers) target = "/the/bench/asks/for/few";
  return add(target);
}

}  // namespace sluice::bench
