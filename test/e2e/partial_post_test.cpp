// Uploads that a backend gives back with 379, and that go on at another one.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "echo_origin.h"
#include "fixtures.h"
#include "raw_client.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

constexpr size_t kUpload = 10 << 20;

/// A backend that drains: it reads a part of an upload, and gives back what it reads of it until its end.
class DrainingOrigin {
 public:
  enum class Echo { whole, late, short_of_some, broken_off, too_much };
  explicit DrainingOrigin(Echo echo, std::string reason = "PartialPOST Replay")
      : echo_(echo), reason_(std::move(reason)), thread_([this] { run(); }) {}
  ~DrainingOrigin() {
    stopping_ = true;
    thread_.join();
    ::close(listening_);
  }
  DrainingOrigin(const DrainingOrigin&) = delete;
  DrainingOrigin& operator=(const DrainingOrigin&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_of(listening_)); }
  size_t given_back() const { return given_back_; }
  /// Of Echo::late: the echo begins.
  void release() { released_ = true; }

 private:
  void run() {
    while (!stopping_) {
      pollfd wanted{.fd = listening_, .events = POLLIN, .revents = 0};
      if (::poll(&wanted, 1, 5) <= 0) continue;
      const int socket = ::accept(listening_, nullptr, nullptr);
      answer(socket);
      ::close(socket);
    }
  }

  /// Without the head, and with the framing of the upload taken off.
  void answer(int socket) {
    std::string input;
    while (input.find("\r\n\r\n") == std::string::npos) {
      if (!read(socket, input)) return;
    }
    const bool is_chunked = input.find("chunked") != std::string::npos;
    input.erase(0, input.find("\r\n\r\n") + 4);
    while (input.size() < kFirst) {
      if (!read(socket, input)) return;
    }
    write(socket, "HTTP/1.1 379 " + reason_ + "\r\nTransfer-Encoding: chunked\r\n\r\n");
    ++given_back_;
    while (echo_ == Echo::late && !released_ && !stopping_) ::poll(nullptr, 0, 1);
    size_t echoed = 0;
    do {
      const std::string body = is_chunked ? unchunked(input) : std::exchange(input, {});
      if (echo_ == Echo::broken_off && echoed > 0) return;
      echoed += body.size();
      if (!body.empty() && !write_chunk(socket, body)) return;
      if (echo_ == Echo::short_of_some && !read_away(socket)) break;
    } while (read(socket, input));
    if (echo_ == Echo::too_much) write_chunk(socket, "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n");
    write(socket, "0\r\n\r\n");
  }

  static bool read(int socket, std::string& input) {
    char buffer[65536];
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count > 0) input.append(buffer, static_cast<size_t>(count));
    return count > 0;
  }
  /// To the end; nothing of it is given back.
  static bool read_away(int socket) {
    std::string lost;
    while (read(socket, lost)) lost.clear();
    return false;
  }
  static bool write(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  static bool write_chunk(int socket, const std::string& body) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", body.size());
    return write(socket, size + body + "\r\n");
  }
  /// The data of the chunks, whole or in part; what is not yet a chunk's line stays.
  std::string unchunked(std::string& input) {
    std::string body;
    while (!input.empty()) {
      if (left_ == 0) {
        const size_t from = input.starts_with("\r\n") ? 2 : 0;
        const size_t end = input.find("\r\n", from);
        if (end == std::string::npos) break;
        left_ = std::stoul(input.substr(from), nullptr, 16);
        input.erase(0, end + 2);
        continue;
      }
      const size_t count = std::min(left_, input.size());
      body.append(input, 0, count);
      input.erase(0, count);
      left_ -= count;
    }
    return body;
  }

  static constexpr size_t kFirst = 100'000;  // more than the proxy remembers
  Echo echo_;
  std::string reason_;
  size_t left_ = 0;  // of a chunk
  int listening_ = listen_on_any_port();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> released_{false};
  std::atomic<size_t> given_back_{0};
  std::thread thread_;  // the last: it uses all the others
};

/// The one that drains is asked first.
std::string pool(const DrainingOrigin& draining, const std::string& other, bool replay = true) {
  return "[pool.shop]\nbackends = [\"" + draining.address() + "\", { address = \"" + other +
         "\", priority = 1 }]\nhealth = false\nretry = { partial_post = " + (replay ? "true" : "false") +
         " }\n";
}

std::string upload() {
  std::string body(kUpload, '\0');
  uint32_t value = 1;
  for (char& byte : body) byte = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
  return body;
}

std::string chunked(const std::string& body, size_t piece) {
  std::string bytes;
  for (size_t at = 0; at < body.size(); at += piece) {
    const std::string data = body.substr(at, piece);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    bytes += size + data + "\r\n";
  }
  return bytes + "0\r\n\r\n";
}

/// Sent from a thread of its own, for the answer may come before the end of it.
Response send_upload(int port, const std::string& bytes) {
  RawClient client(port);
  std::jthread sending([&] { client.send(bytes); });
  Response response = client.receive();
  sending.join();
  return response;
}

TEST_CASE("an upload that a draining backend gives back goes on at another one, with its body intact") {
  const DrainingOrigin draining(DrainingOrigin::Echo::whole);
  const DemoApp other;
  const Proxy proxy(pool(draining, other.address()));
  const std::string body = upload();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  const Response counted =
      send_upload(proxy.port(), head + "Content-Length: " + std::to_string(kUpload) + "\r\n\r\n" + body);
  CHECK(counted.status == 200);
  CHECK(counted.body == body);
  const Response in_chunks =
      send_upload(proxy.port(), head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 10'000));
  CHECK(in_chunks.status == 200);
  CHECK(in_chunks.body == body);
  CHECK(draining.given_back() == 2);
  CHECK(proxy.json("status")["requests"]["ok"] == 2);
  CHECK(proxy.json("status")["retries"] == 2);
}

TEST_CASE(
    "a backend that switches protocols gets what was given back of the request's body before the tunnel") {
  DrainingOrigin draining(DrainingOrigin::Echo::late);
  const EchoOrigin other;
  const Proxy proxy(pool(draining, other.address()));
  const std::string body = upload().substr(0, 300'000);
  RawClient client(proxy.port());
  REQUIRE(
      client.send("POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Content-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body));
  REQUIRE(eventually([&] { return other.upgrades() == 1; }));
  draining.release();
  std::string bytes;
  const auto is_echoed = [&](const std::string& end) {
    return eventually([&] { return (bytes += client.receive_all(10ms)).ends_with(end); });
  };
  CHECK(is_echoed("\r\n\r\n" + body));
  CHECK(bytes.starts_with("HTTP/1.1 101 "));
  CHECK(draining.given_back() == 1);
  REQUIRE(client.send("in the tunnel"));
  CHECK(is_echoed("in the tunnel"));
}

TEST_CASE("what does not come back whole is a 502, and no other backend takes it for a whole body") {
  for (const auto echo : {DrainingOrigin::Echo::short_of_some, DrainingOrigin::Echo::broken_off}) {
    const DrainingOrigin draining(echo);
    const DemoApp other({.log = true});
    const Proxy proxy(pool(draining, other.address()));
    const Response response = send_upload(proxy.port(), post_request("/echo", upload()));
    CHECK(response.status == 502);
    CHECK(draining.given_back() == 1);
    CHECK(proxy.json("status")["requests"]["backend_error"] == 1);
  }
}

TEST_CASE(
    "a backend that gives back more than it was sent adds nothing to the upload, and no request to it") {
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  const std::string body = upload();
  const std::string counted = head + "Content-Length: " + std::to_string(kUpload) + "\r\n\r\n" + body;
  for (const auto& request : {counted, head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 10'000)}) {
    const DrainingOrigin draining(DrainingOrigin::Echo::too_much);
    const DemoApp other({.log = true});
    const Proxy proxy(pool(draining, other.address()) + "[pool.other]\nbackends = [\"" + other.address() +
                          "\"]\nhealth = false\n[[route]]\npath = \"/hello\"\npool = \"other\"\n" +
                          "[[route]]\npath = \"/echo\"\npool = \"shop\"\n",
                      1);
    const Response response = send_upload(proxy.port(), request);
    CHECK(response.status == 502);
    CHECK(response.body.find("gave back more than it was sent") != std::string::npos);
    RawClient next(proxy.port());
    CHECK(next.get("/hello").status == 200);
    const auto seen = other.log();
    const auto has_smuggled = [](const auto& line) { return line.find("/smuggled") != std::string::npos; };
    CHECK(std::ranges::none_of(seen, has_smuggled));
    CHECK(proxy.json("status")["requests"]["backend_error"] == 1);
  }
}

TEST_CASE(
    "a 379 is a response like any other where the pool does not say otherwise, or its reason is another") {
  const DemoApp other;
  const DrainingOrigin draining(DrainingOrigin::Echo::whole);
  const DrainingOrigin other_reason(DrainingOrigin::Echo::whole, "Whatever");
  const Proxy without(pool(draining, other.address(), false));
  const Proxy with(pool(other_reason, other.address()));
  for (const Proxy* proxy : {&without, &with}) {
    RawClient client(proxy->port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kUpload) + "\r\n\r\n" +
                std::string(200'000, 'x'));
    CHECK(client.receive(true).status == 379);
  }
}

}  // namespace
}  // namespace sluice::e2e
