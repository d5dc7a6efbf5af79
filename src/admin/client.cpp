#include <sluice/admin/client.h>
#include <sluice/base/address.h>
#include <sluice/base/text.h>
#include <sluice/net/connector.h>
#include <sluice/net/loop.h>

#include <array>
#include <cstdio>
#include <optional>

#include <nlohmann/json.hpp>

namespace sluice::admin {
namespace {

/// One command's journey: connect, send, print the reply as it comes.
class Client final : private net::Reader {
 public:
  Client(net::Loop& loop, std::string socket_path, std::string line, bool json)
      : loop_(loop), socket_path_(std::move(socket_path)), line_(std::move(line)), json_(json) {}

  int run() {
    Wait connecting = net::connect(
        loop_, Address::local(socket_path_),
        [this](Result<std::unique_ptr<net::Transport>> transport) { on_connected(std::move(transport)); });
    loop_.run();
    transport_.reset();
    return exit_code_;
  }

 private:
  void on_connected(Result<std::unique_ptr<net::Transport>> transport) {
    if (!transport) {
      std::fprintf(
          stderr,
          "sluice: nobody answers on %s (%s); is it running? -s PATH or SLUICE_SOCKET names its socket\n",
          socket_path_.c_str(), transport.error().message.c_str());
      return end(exit_code(ErrorCode::unreachable));
    }
    transport_ = *std::move(transport);
    const std::array<std::string_view, 2> pieces = {line_, "\n"};
    transport_->write(pieces);
    transport_->start_reading(*this);
  }

  void on_bytes(std::string_view bytes) override {
    input_.append(bytes);
    for (auto end_of_line = input_.find('\n'); end_of_line != std::string::npos;
         end_of_line = input_.find('\n')) {
      const std::string line = input_.substr(0, end_of_line);
      input_.erase(0, end_of_line + 1);
      if (json_ ? take_json(line) : take_text(line)) return;
    }
  }

  void on_end(Result<void>) override {
    std::fprintf(stderr, "sluice: the connection ended before the reply did\n");
    end(exit_code(ErrorCode::unreachable));
  }

  /// True when the line was the reply's last.
  bool take_text(const std::string& line) {
    if (line == "ok" || line.starts_with("ok ")) {
      std::printf("%s\n", line.c_str());
      end(0);
      return true;
    }
    if (line.starts_with("error ")) {
      std::fprintf(stderr, "%s\n", line.c_str());
      const auto word = std::string_view(line).substr(6);
      end(exit_code(error_code(word.substr(0, word.find(':')))));
      return true;
    }
    std::printf("%s\n", line.c_str());
    return false;
  }

  bool take_json(const std::string& line) {
    std::printf("%s\n", line.c_str());
    const auto reply = nlohmann::json::parse(line, nullptr, false);
    if (reply.is_discarded() || !reply.is_object()) {
      end(exit_code(ErrorCode::failed));
    } else {
      end(reply.value("ok", false) ? 0 : exit_code(error_code(reply.value("error", std::string("failed")))));
    }
    return true;
  }

  void end(int code) {
    exit_code_ = code;
    if (transport_) transport_->stop_reading();
    loop_.stop();
  }

  net::Loop& loop_;
  std::string socket_path_;
  std::string line_;
  bool json_;
  std::unique_ptr<net::Transport> transport_;
  std::string input_;
  int exit_code_ = 1;
};

}  // namespace

int run_command(const std::string& socket_path, const std::vector<std::string>& words) {
  std::string line;
  bool json = false;
  for (const auto& word : words) {
    if (word.find_first_of(" \t\r\n") != std::string::npos || word.empty()) {
      std::fprintf(stderr, "sluice: an argument cannot be empty or contain white space: \"%s\"\n",
                   word.c_str());
      return exit_code(ErrorCode::usage);
    }
    json = json || word == "--json";
    line += concat({line.empty() ? "" : " ", word});
  }
  net::Loop loop;
  return Client(loop, socket_path, line, json).run();
}

}  // namespace sluice::admin
