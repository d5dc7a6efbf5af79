#include "login_origin.h"

#include <sys/socket.h>

#include <chrono>
#include <deque>
#include <sstream>
#include <utility>

namespace sluice::e2e {
namespace {

std::string response(const std::string& status, const std::string& fields, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string authorization_of(const std::string& head) {
  const size_t begin = head.find("Authorization: ");
  if (begin == std::string::npos) return {};
  return head.substr(begin + 15, head.find("\r\n", begin) - begin - 15);
}

}  // namespace

class LoginOrigin::Connection final : public Served {
 public:
  Connection(int accepted, LoginOrigin& origin)
      : Served(accepted), origin_(origin), ended_logins_(origin.ended_logins_) {}
  ~Connection() override {
    be("");
    if (is_held_) origin_.held_ -= 1;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

 private:
  struct Answer {
    std::chrono::steady_clock::time_point due;
    std::string bytes;
  };

  void serve(short events) override;
  void send_due();
  std::string answer(const std::string& head);
  /// Takes each request from now on for that of `name`.
  void be(const std::string& name) {
    origin_.logged_in_ += name.empty() ? 0 : 1;
    origin_.logged_in_ -= name_.empty() ? 0 : 1;
    name_ = name;
  }

  LoginOrigin& origin_;
  const size_t ended_logins_;  // before this one
  std::string input_;
  std::deque<Answer> answers_{};  // that are not sent yet
  std::string name_;
  bool is_challenged_ = false;
  bool is_held_ = false;
};

LoginOrigin::LoginOrigin(std::string fields)
    : fields_(std::move(fields)),
      loop_([this](int accepted) { return std::make_unique<Connection>(accepted, *this); }) {}

/// Requests without bodies.
void LoginOrigin::Connection::serve(short events) {
  if (!name_.empty() && origin_.ended_logins_ != ended_logins_) return end();
  send_due();
  if (events == 0) return;
  char buffer[4096];
  const ssize_t count = ::recv(socket(), buffer, sizeof buffer, 0);
  if (count <= 0) return end();
  input_.append(buffer, static_cast<size_t>(count));
  for (size_t head_end = 0; (head_end = input_.find("\r\n\r\n")) != std::string::npos;) {
    const std::string head = input_.substr(0, head_end + 4);
    input_.erase(0, head_end + 4);
    if (head.find(" /cut ") != std::string::npos && !name_.empty()) return end();
    answers_.push_back({std::chrono::steady_clock::now() + milliseconds(origin_.delay_ms_), answer(head)});
  }
  send_due();
}

void LoginOrigin::Connection::send_due() {
  for (; !answers_.empty() && answers_.front().due <= std::chrono::steady_clock::now(); answers_.pop_front())
    ::send(socket(), answers_.front().bytes.data(), answers_.front().bytes.size(), MSG_NOSIGNAL);
}

std::string LoginOrigin::Connection::answer(const std::string& head) {
  if (head.find(" /hold ") != std::string::npos) {
    origin_.held_ += is_held_ ? 0 : 1;
    is_held_ = true;
    return {};
  }
  std::istringstream words(authorization_of(head));
  std::string scheme;
  std::string type;
  std::string name;
  words >> scheme >> type >> name;
  if (type == "TYPE1") {
    is_challenged_ = true;
    return response("401 Unauthorized", "WWW-Authenticate: " + scheme + " CHALLENGE\r\n", "");
  }
  if (type == "TYPE3" && is_challenged_) be(name);
  if (!name_.empty()) return response("200 OK", "", name_);
  if (head.find(" /open ") != std::string::npos || head.find(" /cut ") != std::string::npos)
    return response("200 OK", "", "anonymous");
  return response("401 Unauthorized", origin_.fields_, "");
}

}  // namespace sluice::e2e
