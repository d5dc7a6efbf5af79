#include <sluice/admin/client.h>
#include <sluice/base/address.h>
#include <sluice/base/text.h>
#include <sluice/net/connector.h>
#include <sluice/net/loop.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include <nlohmann/json.hpp>

#include "admin/command.h"

namespace sluice::admin {
namespace {

constexpr size_t kLongestScript = size_t{16} << 20;

/// For a takeover to end, one way or the other, while the command that came into it is asked again and again.
constexpr Duration kPatience{30'000};
constexpr Duration kPause{20};
constexpr Duration kLongAgo{1000};

/// The journey of commands in one session: connect, send one, print its reply as it comes, send the next. The
/// first error ends it. Who came into a takeover asks again, and the process that goes on answers: a draft
/// goes there from its `begin` on.
class Client final : private net::Reader {
 public:
  Client(net::Loop& loop, std::string socket_path, std::vector<std::string> lines)
      : loop_(loop),
        socket_path_(std::move(socket_path)),
        lines_(std::move(lines)),
        again_([this] { connect(); }) {}

  int run() {
    connect();
    loop_.run();
    transport_.reset();
    return exit_code_;
  }

 private:
  void connect() {
    transport_.reset();
    input_.clear();
    connecting_ = net::connect(
        loop_, Address::local(socket_path_),
        [this](Result<std::unique_ptr<net::Transport>> transport) { on_connected(std::move(transport)); });
  }

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
    const auto command = parse_command(line);  // What is none the other side says.
    word_ = command && !command->words.empty() ? command->words[0] : "";
    follows_ = word_ == "events" && command->has("--follow");
    has_printed_ = false;
    asked_at_ = loop_.clock().now();
    const std::array<std::string_view, 2> pieces = {line, "\n"};
    transport_->write(pieces);
  }

  void on_bytes(std::string_view bytes) override {
    input_.append(bytes);
    for (auto end_of_line = input_.find('\n'); end_of_line != std::string::npos;
         end_of_line = input_.find('\n')) {
      const std::string line = input_.substr(0, end_of_line);
      input_.erase(0, end_of_line + 1);
      const auto answer = json_ ? read_json(line) : read_text(line);
      if (answer.code == ErrorCode::moved && may_ask_again()) return ask_again();
      print(line, answer);
      if (!answer.is_last) continue;
      if (answer.code) return end(exit_code(*answer.code));
      remember();
      if (next_ == lines_.size()) return end(0);
      send_next();
    }
  }

  void on_end(Result<void>) override {
    std::fprintf(stderr, "sluice: the connection ended before the reply did\n");
    end(exit_code(ErrorCode::unreachable));
  }

  // ---- what is said

  /// One line of it.
  struct Answer {
    bool is_last = false;
    std::optional<ErrorCode> code{};  ///< of an error
    uint64_t event{};                 ///< the number of one, while events are followed
  };

  static Answer read_text(std::string_view line) {
    if (line == "ok" || line.starts_with("ok ")) return {.is_last = true};
    if (!line.starts_with("error ")) {
      return {.event = parse_unsigned(line.substr(0, line.find(' '))).value_or(0)};
    }
    const auto word = line.substr(6);
    return {.is_last = true, .code = error_code(word.substr(0, word.find(':')))};
  }

  static Answer read_json(const std::string& line) {
    const auto reply = nlohmann::json::parse(line, nullptr, false);
    if (reply.is_discarded() || !reply.is_object()) return {.is_last = true, .code = ErrorCode::failed};
    if (!reply.contains("ok")) return {.event = reply.value("number", uint64_t{0})};  // of a stream
    if (reply.value("ok", false)) return {.is_last = true};
    return {.is_last = true, .code = error_code(reply.value("error", std::string("failed")))};
  }

  /// At once, also into a pipe: a stream has no end to wait for. What is asked again has been printed before.
  void print(const std::string& line, const Answer& answer) {
    has_printed_ = true;
    last_event_ = answer.event;
    if (last_event_ > 0) moved_since_.reset();
    if (next_ <= answered_ && !answer.code) return;
    std::fprintf(answer.code && !json_ ? stderr : stdout, "%s\n", line.c_str());
    std::fflush(stdout);
  }

  // ---- a takeover in the middle

  void remember() {
    if (next_ > answered_) moved_since_.reset();
    answered_ = std::max(answered_, next_);
    if (word_ == "begin") draft_ = next_ - 1;
    if (word_ == "commit" || word_ == "abort") draft_.reset();
  }

  /// The first half of an answer cannot be taken back. Events go on after the last one.
  bool may_ask_again() const {
    const bool may_go_on = !has_printed_ || (follows_ && last_event_ > 0);
    return may_go_on && (!moved_since_ || loop_.clock().now() - *moved_since_ < kPatience || was_taken());
  }
  /// It was waited for, so this is another takeover than the last one.
  bool was_taken() const { return loop_.clock().now() - asked_at_ > kLongAgo; }

  void ask_again() {
    if (!moved_since_ || was_taken()) moved_since_ = loop_.clock().now();
    if (follows_ && last_event_ > 0) {
      lines_[next_ - 1] =
          concat({"events --follow --since ", std::to_string(last_event_), json_ ? " --json" : ""});
    }
    next_ = draft_.value_or(next_ - 1);
    draft_.reset();
    transport_->stop_reading();
    loop_.deadlines().arm(again_, kPause);
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
  size_t answered_ = 0;          // lines whose answers have been printed
  std::optional<size_t> draft_;  // the line of its `begin`
  std::string word_;             // the first one of what is asked
  bool json_ = false;
  bool follows_ = false;
  bool has_printed_ = false;  // of the answer that is on its way
  uint64_t last_event_ = 0;
  Wait connecting_;
  std::unique_ptr<net::Transport> transport_;
  std::string input_;
  Deadline again_;
  TimePoint asked_at_{};
  std::optional<TimePoint> moved_since_;  // what is asked has had no other answer since then
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
  for (auto& line : lines) {
    if (line.ends_with('\r')) line.pop_back();
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
