#include "demo/client.h"

#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

namespace sluice::demo {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 30;

uint64_t number(std::string_view text) {
  return parse_unsigned(text).value_or(0);
}

}  // namespace

Client::Client(std::unique_ptr<net::Transport> transport, Shared& shared,
               std::function<void(Client&)> on_over)
    : transport_(std::move(transport)), shared_(shared), on_over_(std::move(on_over)), deadline_([this] {
        const auto next = std::move(next_);
        if (next) next();
      }) {
  transport_->start_reading(*this);
  done();
}

void Client::on_bytes(std::string_view bytes) {
  input_.append(bytes);
  if (!busy_) go_on();
}

void Client::on_end(Result<void> how) {
  ended_ = true;
  if (!busy_ || !how) on_over_(*this);
}

/// Reads on in what has come, until a request is there whole.
void Client::go_on() {
  const Alive::Watch watch(alive_);
  while (watch && !busy_ && !input_.empty()) {
    if (!has_head_) {
      const auto progress = decoder_.decode(input_, head_);
      if (!progress) return reply(progress.error().status, progress.error().message);
      input_.erase(0, progress->used);
      if (!progress->complete) return;
      has_head_ = true;
      body_.begin(head_.framing);
      body_bytes_.clear();
      note_request();
      if (head_.expects_continue) write({"HTTP/1.1 100 Continue\r\n\r\n"});
    }
    if (!read_body()) return;
    busy_ = true;
    has_head_ = false;
    answer();
  }
}

/// True once the body is there whole.
bool Client::read_body() {
  while (!body_.is_complete() && !input_.empty()) {
    const auto piece = body_.next(input_);
    if (!piece) {
      break_off();
      return false;
    }
    body_bytes_.append(piece->data);
    input_.erase(0, piece->used);
  }
  return body_.is_complete();
}

void Client::note_request() const {
  if (shared_.log == nullptr) return;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto nanoseconds = static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  std::fprintf(shared_.log, "begin %lld %.*s %.*s\n", nanoseconds, static_cast<int>(head_.method().size()),
               head_.method().data(), static_cast<int>(head_.target().size()), head_.target().data());
  std::fflush(shared_.log);
}

void Client::answer() {
  const std::string path(head_.path());
  const auto after = [&path](std::string_view prefix) {
    return std::string_view(path).substr(prefix.size());
  };
  if (path == "/ping") return answer_ping();
  if (path == "/hello") return reply_later(shared_.options.delay, 200, "Hello World!\n");
  if (path == "/echo") return reply(200, body_bytes_);
  if (path.starts_with("/bytes/"))
    return reply(200, std::string(std::min(kMostBytes, number(after("/bytes/"))), 'x'));
  if (path.starts_with("/slow/")) {
    return reply_later(Duration(static_cast<int64_t>(number(after("/slow/")))), 200, "slow\n");
  }
  if (path.starts_with("/status/"))
    return reply(static_cast<int>(number(after("/status/")) % 1000), "status\n");
  if (path.starts_with("/stream/")) return answer_stream(after("/stream/"));
  if (path.starts_with("/control/ping/")) return control(after("/control/ping/"));
  if (path == "/abort") return break_off();
  if (path == "/abort-midway") {
    write({"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly the beginning"});
    return reply_later(Duration{20}, -1, "");
  }
  if (path == "/garbage") {
    write({"this is no HTTP at all\r\n\r\n"});
    return reply_later(Duration{20}, -1, "");
  }
  reply(404, "no such page\n");
}

void Client::answer_ping() {
  switch (shared_.ping) {
    case Ping::ok:
      return reply(200, "pong\n");
    case Ping::draining:
      return reply(503, "pong\n");
    case Ping::fail:
      return reply(500, "pong\n");
    case Ping::hang:
      return;
  }
}

void Client::control(std::string_view what) {
  if (what == "ok") shared_.ping = Ping::ok;
  if (what == "draining") shared_.ping = Ping::draining;
  if (what == "fail") shared_.ping = Ping::fail;
  if (what == "hang") shared_.ping = Ping::hang;
  reply(200, "done\n");
}

void Client::reply_later(Duration delay, int status, std::string body) {
  if (delay <= Duration::zero()) return reply(status, body);
  next_ = [this, status, body = std::move(body)] {
    if (status < 0) return break_off();
    reply(status, body);
  };
  shared_.loop.deadlines().arm(deadline_, delay);
}

void Client::reply(int status, std::string_view body) {
  const bool close = shared_.closing || status == 400 || !head_.keep_alive;
  const std::string_view connection = close                      ? "Connection: close\r\n"
                                      : head_.version.minor == 0 ? "Connection: keep-alive\r\n"
                                                                 : "";
  const bool bodiless = status == 204 || status == 304;
  const std::string length =
      bodiless ? "" : concat({"Content-Length: ", std::to_string(body.size()), "\r\n"});
  const std::string head = concat({"HTTP/1.1 ", std::to_string(status), " ", http::reason_phrase(status),
                                   "\r\nContent-Type: text/plain\r\n", length,
                                   "X-Version: ", shared_.options.version, "\r\n", connection, "\r\n"});
  write({head, head_.is_head() || bodiless ? std::string_view() : body});
  if (close) {
    transport_->shutdown();
    ended_ = true;
  }
  done();
}

void Client::answer_stream(std::string_view parameters) {
  const auto slash = parameters.find('/');
  chunks_left_ = number(parameters.substr(0, slash));
  chunk_every_ = Duration(
      slash == std::string_view::npos ? 1 : static_cast<int64_t>(number(parameters.substr(slash + 1))));
  write(
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Version: ", shared_.options.version, "\r\n\r\n"});
  stream_next();
}

void Client::stream_next() {
  if (chunks_left_ == 0) {
    write({http::kLastChunk});
    return done();
  }
  --chunks_left_;
  write({"6\r\nchunk\n\r\n"});
  next_ = [this] { stream_next(); };
  shared_.loop.deadlines().arm(deadline_, std::max(Duration{1}, chunk_every_));
}

/// On to the next request, or to the end.
void Client::done() {
  busy_ = false;
  head_.clear();
  if (ended_) {
    flushed_ = transport_->when_writable([this](Result<void>) { on_over_(*this); });
    return;
  }
  next_ = [this] { on_over_(*this); };
  shared_.loop.deadlines().arm(deadline_, shared_.options.idle);
  if (!input_.empty()) go_on();
}

void Client::break_off() {
  transport_->reset_on_close();
  on_over_(*this);
}

void Client::write(std::initializer_list<std::string_view> pieces) {
  transport_->write(std::span(pieces.begin(), pieces.size()));
}

}  // namespace sluice::demo
