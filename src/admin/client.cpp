#include <sluice/admin/client.h>
#include <sluice/base/address.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/json/value.h>
#include <sluice/net/loop.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include "admin/columns.h"
#include "admin/command.h"
#include "admin/commands.h"
#include "admin/readable.h"
#include "admin/reply.h"
#include "admin/sent_lines.h"

namespace sluice::admin {
namespace {

constexpr size_t kLongestScript = size_t{16} << 20;

/// For a takeover to end, one way or the other, while the command that came into it is asked again and again.
constexpr Duration kPatience{30'000};
constexpr Duration kPause{20};
constexpr Duration kLongAgo{1000};

/// A process that is well answers long before. Changes wait for the disk, and for every worker.
constexpr Duration kConnecting{5000};
constexpr Duration kTelling{10'000};
constexpr Duration kChanging{30'000};

/// For an answer to begin; zero: no bound, the command is there to wait.
Duration bound_of(const Command& command) {
  if (command.has("--follow") || command.words[0] == "upgrade") return Duration{};
  const Duration bound = is_change(command) ? kChanging : kTelling;
  if (!command.has("--wait")) return bound;
  const auto wait = config::parse_duration(command.option("--wait"));
  return wait ? *wait + bound : bound;
}

/// What the words before the fields of a list's lines are; nothing of what is no list.
std::vector<std::string_view> columns_of(const Command& command) {
  const std::string_view second = command.words.size() > 1 ? std::string_view(command.words[1]) : "";
  if (command.words[0] == "counters") return {"event"};
  if (second != "list") return {};
  if (command.words[0] == "backend") return {"pool", "address", "state"};
  if (command.words[0] == "generation") return {"generation", "state"};
  return {command.words[0] == "pool" ? "pool" : "route"};
}

/// A report on what is now or has been: its figures are for people to read, on a terminal.
bool is_report(const Command& command) {
  const std::string_view first = command.words[0];
  const std::string_view second = command.words.size() > 1 ? std::string_view(command.words[1]) : "";
  return first == "status" || first == "why" || second == "list" || (first == "pool" && second == "show");
}

/// The journey of commands in one session: connect, send one, print its reply as it comes, send the next. The
/// first error ends it. A command that came into a takeover is sent again, and the process that goes on
/// answers: a draft goes there from its `begin` on.
class Client final : private net::Reader {
 public:
  Client(net::Loop& loop, std::string socket_path, std::vector<std::string> lines)
      : loop_(loop),
        socket_path_(std::move(socket_path)),
        lines_(std::move(lines)),
        json_(lines_.front().find("--json") != std::string::npos),
        again_([this] { connect(); }),
        connect_again_([this] { try_to_connect(); }),
        too_late_([this] { give_up(); }) {}

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
    held_.clear();
    loop_.deadlines().arm(too_late_, kConnecting);
    try_to_connect();
  }

  void try_to_connect() {
    connecting_ = loop_.connect(
        Address::local(socket_path_),
        [this](Result<std::unique_ptr<net::Transport>> transport) { on_connected(std::move(transport)); });
  }

  void on_connected(Result<std::unique_ptr<net::Transport>> transport) {
    if (!transport) return not_connected(transport.error());
    transport_ = *std::move(transport);
    transport_->start_reading(*this);
    send_next();
  }

  void not_connected(const Error& error) {
    if (net::is_queue_full(error)) return loop_.deadlines().arm(connect_again_, kPause);
    if (error.code == ErrorCode::denied) {
      return fail({.code = ErrorCode::denied,
                   .message = concat({"no permission to connect to ", socket_path_,
                                      ": run this as a user that may; server.admin_socket_mode and "
                                      "admin_socket_group let others in"})});
    }
    fail({.code = ErrorCode::unreachable,
          .message = concat({"no process listens on ", socket_path_, " (", error.message,
                             "); is it running? -s PATH or SLUICE_SOCKET names its socket"})});
  }

  /// The process that listens takes no connection, or sends nothing on it.
  void give_up() {
    const bool asked = transport_ != nullptr;
    fail({.code = ErrorCode::unreachable,
          .message = concat({"the process on ", socket_path_,
                             asked ? " does not answer: it hangs, or is stopped; what has become of the "
                                     "command is not known"
                                   : " takes no connection: it hangs, or is stopped"})});
  }

  /// What is wrong here, in the words that the other side would take.
  void fail(const Error& error) {
    const Reply reply = Reply::failed(error);
    std::fputs((json_ ? reply.json() : reply.text()).c_str(), json_ ? stdout : stderr);
    std::fflush(stdout);
    end(exit_code(error.code));
  }

  void send_next() {
    const std::string& line = lines_[next_++];
    json_ = line.find("--json") != std::string::npos;
    const auto command = parse_command(line);  // What is none the other side says.
    word_ = command ? command->words[0] : "";
    is_change_ = command && is_change(*command);
    follows_ = word_ == "events" && command->has("--follow");
    columns_ = command ? columns_of(*command) : std::vector<std::string_view>();
    is_report_ = command && is_report(*command);
    bound_ = command ? bound_of(*command) : kTelling;
    has_printed_ = false;
    asked_at_ = loop_.clock().now();
    const auto wait = command ? wait_of(*command) : std::nullopt;
    waits_until_ = wait ? std::optional(asked_at_ + *wait) : std::nullopt;
    loop_.deadlines().arm(too_late_, bound_);
    const std::array<std::string_view, 2> pieces = {line, "\n"};
    transport_->write(pieces);
  }

  void on_bytes(std::string_view bytes) override {
    input_.append(bytes);
    loop_.deadlines().arm(too_late_, bound_);
    for (auto end_of_line = input_.find('\n'); end_of_line != std::string::npos;
         end_of_line = input_.find('\n')) {
      std::string line = input_.substr(0, end_of_line);
      input_.erase(0, end_of_line + 1);
      auto answer = json_ ? read_json(line) : read_text(line);
      if (answer.code == ErrorCode::moved && answer.made > 0 && waits_until_) {
        made_ = answer.made;
        return go_on_waiting();
      }
      if (answer.code == ErrorCode::moved && may_ask_again()) return ask_again();
      if (answer.code == ErrorCode::usage && made_ > 0) answer = cannot_go_on(line);
      print(line, answer);
      if (!answer.is_last) continue;
      if (answer.code) return end(exit_code(*answer.code));
      remember();
      if (next_ == lines_.size()) return end(0);
      send_next();
    }
  }

  void on_end(Result<void>) override {
    fail({.code = ErrorCode::unreachable, .message = "the connection ended before the reply did"});
  }

  // ---- what is said

  /// One line of it.
  struct Answer {
    bool is_last = false;
    std::optional<ErrorCode> code{};  ///< of an error
    uint64_t event{};                 ///< the number of one, while events are followed
    uint64_t made{};                  ///< the generation of a change whose wait goes on elsewhere
  };
  static constexpr std::string_view kMade = "moved: generation ";

  static Answer read_text(std::string_view line) {
    if (line == "ok" || line.starts_with("ok ")) return {.is_last = true};
    if (!line.starts_with("error ")) {
      return {.event = parse_unsigned(line.substr(0, line.find(' '))).value_or(0)};
    }
    const auto word = line.substr(6);
    Answer answer{.is_last = true, .code = error_code(word.substr(0, word.find(':')))};
    if (!word.starts_with(kMade)) return answer;
    const auto number = word.substr(kMade.size());
    answer.made = parse_unsigned(number.substr(0, number.find(' '))).value_or(0);
    return answer;
  }

  static Answer read_json(const std::string& line) {
    const json::Value reply = json::Value::parse(line).value_or(nullptr);
    if (!reply.is_object()) return {.is_last = true, .code = ErrorCode::failed};
    if (!reply.contains("ok")) return {.event = reply.value("number", uint64_t{0})};  // of a stream
    if (reply.value("ok", false)) return {.is_last = true};
    return {.is_last = true,
            .code = error_code(reply.value("error", std::string("failed"))),
            .made = reply.value("made", uint64_t{0})};
  }

  /// Lines of what is followed at once, also into a pipe: it has no end to wait for. Others with their
  /// verdict, which says where they belong. What is asked again has been printed before.
  void print(const std::string& line, const Answer& answer) {
    last_event_ = answer.event;
    if (last_event_ > 0) moved_since_.reset();
    if (!follows_ && !answer.is_last) return held_.push_back(line);
    has_printed_ = true;
    auto held = std::exchange(held_, {});
    if (!answer.code && !json_ && ::isatty(STDOUT_FILENO) == 1) held = for_people(std::move(held));
    if (next_ <= answered_ && !answer.code) return;
    std::FILE* const out = answer.code && !json_ ? stderr : stdout;
    for (const std::string& each : held) std::fprintf(out, "%s\n", each.c_str());
    if (says_something(line, answer, !held.empty())) std::fprintf(out, "%s\n", line.c_str());
    std::fflush(out);
  }

  /// As a terminal shows it.
  std::vector<std::string> for_people(std::vector<std::string> lines) const {
    if (is_report_) {
      for (std::string& line : lines) line = readable(line);
    }
    return columns_.empty() ? lines : in_columns(lines, columns_);
  }

  /// The exit code says that a list is complete: no line of its own follows, so that counting lines is right.
  bool says_something(const std::string& line, const Answer& answer, bool is_list) const {
    if (json_ || answer.code || !answer.is_last || is_change_) return true;
    return !is_list && line != "ok" && word_ != "events";
  }

  // ---- a takeover in the middle

  void remember() {
    if (next_ > answered_) moved_since_.reset();
    answered_ = std::max(answered_, next_);
    made_ = 0;
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
    too_late_.disarm();
    loop_.deadlines().arm(again_, kPause);
  }

  /// What it has changed is changed: the process that has taken over is only to wait, for what is left of the
  /// time.
  void go_on_waiting() {
    const auto command = parse_command(lines_[next_ - 1]);
    CHECK(command);  // It waited.
    lines_[next_ - 1] = line_to_go_on_waiting(*command, made_, *waits_until_ - loop_.clock().now());
    --next_;
    transport_->stop_reading();
    too_late_.disarm();
    loop_.deadlines().arm(again_, kPause);
  }

  /// An upgrade to a release before this one.
  Answer cannot_go_on(std::string& line) const {
    const Error error{
        .code = ErrorCode::timed_out,
        .message = concat({"generation ", std::to_string(made_),
                           " was made, but the process that has taken over cannot wait for it"})};
    line = json_ ? Reply::failed(error).json() : Reply::failed(error).text();
    line.pop_back();  // The line feed.
    return {.is_last = true, .code = error.code};
  }

  void end(int code) {
    exit_code_ = code;
    too_late_.disarm();
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
  bool is_change_ = false;
  bool is_report_ = false;
  Duration bound_{};
  std::vector<std::string_view> columns_;
  std::vector<std::string> held_;  // of the answer, until its last line
  bool has_printed_ = false;       // of the answer that is on its way
  uint64_t last_event_ = 0;
  Wait connecting_;
  std::unique_ptr<net::Transport> transport_;
  std::string input_;
  Deadline again_;
  Deadline connect_again_;
  Deadline too_late_;
  TimePoint asked_at_{};
  std::optional<TimePoint> waits_until_;  // for what it has changed
  uint64_t made_ = 0;  // the generation that this command made in an earlier process; 0: none
  std::optional<TimePoint> moved_since_;  // what is asked has had no other answer since then
  int exit_code_ = 1;
};

int print(const Reply& reply, bool as_json) {
  const bool to_stderr = reply.error && !as_json;
  std::string text = as_json ? reply.json() : reply.text();
  if (!as_json && !reply.error) {
    text.clear();
    for (const auto& line : reply.lines) text += concat({line, "\n"});
  }
  std::fputs(text.c_str(), to_stderr ? stderr : stdout);
  return reply.error ? exit_code(reply.error->code) : 0;
}

int refuse_here(Error error, bool as_json) {
  return print(Reply::failed(std::move(error)), as_json);
}

int refuse_usage_here(std::string message, bool as_json) {
  return refuse_here(usage(std::move(message)), as_json);
}

Result<std::string> whole_paths(const std::string& line) {
  std::error_code failure;
  return with_whole_paths(line, std::filesystem::current_path(failure).string());
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

/// Its changes are for nothing without a commit, which may have been forgotten, or cut off.
bool ends_in_transaction(const std::vector<std::string>& lines) {
  bool is_open = false;
  for (const std::string& line : lines) {
    const auto command = parse_command(line);
    if (!command) continue;
    if (command->words[0] == "begin") is_open = true;
    if (command->words[0] == "commit" || command->words[0] == "abort") is_open = false;
  }
  return is_open;
}

bool has_json(const std::vector<std::string>& words) {
  return std::ranges::find(words, "--json") != words.end();
}

}  // namespace

int run_script(const std::string& socket_path, bool as_json) {
  auto lines = read_script();
  if (!lines) return refuse_usage_here("more than 16 MiB of commands", as_json);
  if (lines->empty()) return refuse_usage_here("no commands on standard input", as_json);
  if (ends_in_transaction(*lines)) {
    return refuse_usage_here("the script ends without commit: nothing of it was done, nothing was changed",
                             as_json);
  }
  for (std::string& line : *lines) {
    auto whole = whole_paths(line);
    if (!whole) return refuse_here(std::move(whole).error(), as_json);
    line = *std::move(whole);
    if (as_json && line.find("--json") == std::string::npos) line += " --json";
  }
  net::Loop loop;
  return Client(loop, socket_path, *std::move(lines)).run();
}

int run_command(const std::string& socket_path, const std::vector<std::string>& words) {
  const bool as_json = has_json(words);
  std::string line;
  for (const auto& word : words) {
    if (word.find_first_of(" \t\r\n") != std::string::npos || word.empty()) {
      return refuse_usage_here(concat({"an argument cannot be empty or contain white space: \"", word, "\""}),
                               as_json);
    }
    line += concat({line.empty() ? "" : " ", word});
  }
  auto command = parse_command(line);
  if (!command) return refuse_here(std::move(command).error(), as_json);
  for (const std::string_view alone : {"begin", "commit", "abort"}) {
    if (command->words[0] != alone) continue;
    return refuse_usage_here(concat({alone,
                                     " needs its commands in the same session: "
                                     "printf 'begin\\nbackend add ...\\ncommit\\n' | sluice -"}),
                             as_json);
  }
  if (auto known = check_command(*command); !known) return refuse_here(std::move(known).error(), as_json);
  auto whole = whole_paths(line);
  if (!whole) return refuse_here(std::move(whole).error(), as_json);
  net::Loop loop;
  return Client(loop, socket_path, {*whole}).run();
}

int print_help(std::vector<std::string> about) {
  const bool as_json = has_json(about);
  std::erase_if(about, [](const std::string& word) { return word.starts_with("-"); });
  // Of `backend drain shop 10.0.0.1:80 --help` the first two words are the command.
  while (about.size() > 2) about.pop_back();
  Reply reply = help_about(about);
  if (reply.error && about.size() == 2) reply = help_about(std::span(about).first(1));
  return print(reply, as_json);
}

}  // namespace sluice::admin
