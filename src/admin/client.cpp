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

constexpr size_t kLongestScript = size_t{16} << 20;

/// The journey of commands in one session: connect, send one, print its reply as it comes, send the next. The
/// first error ends it.
class Client final : private net::Reader {
 public:
  Client(net::Loop& loop, std::string socket_path, std::vector<std::string> lines)
      : loop_(loop), socket_path_(std::move(socket_path)), lines_(std::move(lines)) {}

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
    transport_->start_reading(*this);
    send_next();
  }

  void send_next() {
    const std::string& line = lines_[next_++];
    json_ = line.find("--json") != std::string::npos;
    const std::array<std::string_view, 2> pieces = {line, "\n"};
    transport_->write(pieces);
  }

  void on_bytes(std::string_view bytes) override {
    input_.append(bytes);
    for (auto end_of_line = input_.find('\n'); end_of_line != std::string::npos;
         end_of_line = input_.find('\n')) {
      const std::string line = input_.substr(0, end_of_line);
      input_.erase(0, end_of_line + 1);
      const auto code = json_ ? take_json(line) : take_text(line);
      if (!code) continue;
      if (*code != 0 || next_ == lines_.size()) return end(*code);
      send_next();
    }
  }

  void on_end(Result<void>) override {
    std::fprintf(stderr, "sluice: the connection ended before the reply did\n");
    end(exit_code(ErrorCode::unreachable));
  }

  /// At once, also into a pipe: a stream has no end to wait for.
  static void print(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  /// The exit code when the line was the reply's last.
  static std::optional<int> take_text(const std::string& line) {
    if (line.starts_with("error ")) {
      std::fprintf(stderr, "%s\n", line.c_str());
      const auto word = std::string_view(line).substr(6);
      return exit_code(error_code(word.substr(0, word.find(':'))));
    }
    print(line);
    if (line == "ok" || line.starts_with("ok ")) return 0;
    return std::nullopt;
  }

  static std::optional<int> take_json(const std::string& line) {
    print(line);
    const auto reply = nlohmann::json::parse(line, nullptr, false);
    if (reply.is_discarded() || !reply.is_object()) return exit_code(ErrorCode::failed);
    if (!reply.contains("ok")) return std::nullopt;  // One of many: of a stream.
    return reply.value("ok", false) ? 0 : exit_code(error_code(reply.value("error", std::string("failed"))));
  }

  void end(int code) {
    exit_code_ = code;
    if (transport_) transport_->stop_reading();
    loop_.stop();
  }

  net::Loop& loop_;
  std::string socket_path_;
  std::vector<std::string> lines_;
  size_t next_ = 0;
  bool json_ = false;
  std::unique_ptr<net::Transport> transport_;
  std::string input_;
  int exit_code_ = 1;
};

int usage(const std::string& message) {
  std::fprintf(stderr, "sluice: %s\n", message.c_str());
  return exit_code(ErrorCode::usage);
}

/// The lines of stdin that say something; nothing when they are too many.
std::optional<std::vector<std::string>> read_script() {
  std::vector<std::string> lines(1);
  size_t size = 0;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (++size > kLongestScript) return std::nullopt;
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += static_cast<char>(c);
    }
  }
  std::erase_if(lines, [](const std::string& line) {
    const auto words = split_words(line);
    return words.empty() || words[0].starts_with('#');
  });
  return lines;
}

}  // namespace

int run_script(const std::string& socket_path) {
  auto lines = read_script();
  if (!lines) return usage("more than 16 MiB of commands");
  if (lines->empty()) return usage("no commands on standard input");
  net::Loop loop;
  return Client(loop, socket_path, *std::move(lines)).run();
}

int run_command(const std::string& socket_path, const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    if (word.find_first_of(" \t\r\n") != std::string::npos || word.empty()) {
      return usage(concat({"an argument cannot be empty or contain white space: \"", word, "\""}));
    }
    line += concat({line.empty() ? "" : " ", word});
  }
  for (const std::string_view alone : {"begin", "commit", "abort"}) {
    if (words[0] != alone) continue;
    return usage(concat({alone,
                         " needs its commands in the same session: "
                         "printf 'begin\\nbackend add ...\\ncommit\\n' | sluice -"}));
  }
  net::Loop loop;
  return Client(loop, socket_path, {line}).run();
}

}  // namespace sluice::admin
