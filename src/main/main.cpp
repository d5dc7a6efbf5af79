// The command line: one binary. What is no subcommand of its own is sent to the admin socket.
#include <sluice/admin/client.h>
#include <sluice/base/error.h>
#include <sluice/base/text.h>
#include <sluice/net/process.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "main/arguments.h"
#include "main/run.h"

namespace {

using sluice::Arguments;
using sluice::ErrorCode;

constexpr const char* kVersion = "sluice " SLUICE_VERSION "\n";

constexpr const char* kHelp = R"(Sluice, a zero-downtime HTTP load balancer

usage:
  sluice run -c FILE [--takeover]
                              run in the foreground; --takeover: in place of the process that runs
  sluice check -c FILE        validate FILE and print what it would do
  sluice demo                 three demo instances and the proxy; no config needed
  sluice [-s PATH] COMMAND    send COMMAND to the admin socket and print the reply
  sluice help [COMMAND]       the commands, with what they take
  sluice [-s PATH] -          send the commands on standard input, a line each, in one session;
                              begin ... commit among them takes effect together
  sluice version | --version | --help

Options may stand anywhere: sluice status -s PATH, sluice run --takeover --config=FILE.

The admin socket is PATH, else $SLUICE_SOCKET, else /run/sluice/admin.sock.
Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid, 4 timed out, 5 conflict,
7 rolled back, 8 not found, 9 denied, 69 no process answers on the socket.
)";

constexpr const char* kRunHelp = R"(usage: sluice run -c FILE [--takeover[=SOCKET]]

Runs the proxy in the foreground. Signals: HUP reloads FILE; USR1 reopens the logs; USR2 has a new
process take over, as `sluice upgrade`; TERM, INT and QUIT drain and stop, a second one stops at
once. Exit code 3 when FILE is invalid or a listener cannot be bound.

--takeover: takes the listeners and the state over from the process that answers on FILE's admin
socket, which then finishes what it has and ends; if there is none, starts as without it. With
SOCKET, from the process on that socket, and from no other; when it has died and left SOCKET
behind, starts as without it.
)";

constexpr const char* kCheckHelp = R"(usage: sluice check -c FILE

Validates FILE and prints what it would do. Every problem is printed as FILE:LINE:COLUMN: KEY: what
is wrong. Exit code 0 or 3.
)";

constexpr const char* kDemoHelp = R"(usage: sluice demo

Starts three instances of the demo application and the proxy in front of them, on ports of the
kernel's choice, and prints what to try. Ctrl-C ends it.
)";

int usage(const std::string& message) {
  std::fprintf(stderr, "sluice: %s; see sluice --help\n", message.c_str());
  return sluice::exit_code(ErrorCode::usage);
}

int print(const char* text) {
  std::fputs(text, stdout);
  return 0;
}

/// The options that are meant for `run` and `check` alone, and the words that those do not take.
std::optional<std::string> misplaced(const Arguments& arguments, bool takes_config, bool takes_takeover) {
  if (arguments.config && !takes_config) return "--config is for run and check";
  if (arguments.takeover && !takes_takeover) return "--takeover is for run";
  if (!takes_config) return std::nullopt;
  if (!arguments.config) return "which file? -c FILE names it";
  if (arguments.words.size() == 1) return std::nullopt;
  const std::string& word = arguments.words[1];
  constexpr std::array<std::string_view, 4> kKnown = {"--config", "--takeover", "--socket", "--help"};
  const auto near = sluice::closest_match(word.substr(0, word.find('=')), kKnown);
  const std::string hint = near ? sluice::concat({", did you mean ", *near, "?"}) : "";
  return sluice::concat({arguments.words[0], " takes no ", word, hint});
}

int run(const std::string& program, const Arguments& arguments) {
  if (arguments.wants_help) return print(kRunHelp);
  if (const auto wrong = misplaced(arguments, true, true)) return usage(*wrong);
  return sluice::run(program, *arguments.config, arguments.takeover.value_or(sluice::TakeoverFrom{}));
}

int check(const Arguments& arguments) {
  if (arguments.wants_help) return print(kCheckHelp);
  if (const auto wrong = misplaced(arguments, true, false)) return usage(*wrong);
  return sluice::check(*arguments.config);
}

int demo(const Arguments& arguments) {
  if (arguments.wants_help) return print(kDemoHelp);
  if (const auto wrong = misplaced(arguments, false, false)) return usage(*wrong);
  return arguments.words.size() == 1 ? sluice::run_demo() : usage("demo takes no arguments");
}

std::string default_socket() {
  const char* from_environment = std::getenv("SLUICE_SOCKET");
  return from_environment != nullptr ? from_environment : "/run/sluice/admin.sock";
}

std::string unknown_option(const std::string& word) {
  constexpr std::array<std::string_view, 4> kKnown = {"--version", "--help", "--socket", "--config"};
  const auto near = sluice::closest_match(word, kKnown);
  return sluice::concat(
      {"unknown option ", word, near ? sluice::concat({", did you mean ", *near, "?"}) : std::string()});
}

/// `-`, with --json perhaps.
bool is_script(const std::vector<std::string>& words) {
  const auto belongs = [](const std::string& word) { return word == "-" || word == "--json"; };
  return std::ranges::count(words, "-") == 1 && std::ranges::all_of(words, belongs);
}

/// What is for the admin socket, or about it.
int command(const Arguments& arguments) {
  const auto& words = arguments.words;
  if (const auto wrong = misplaced(arguments, false, false)) return usage(*wrong);
  if (words[0] == "help") return sluice::admin::print_help({words.begin() + 1, words.end()});
  if (arguments.wants_help) return sluice::admin::print_help(words);
  const std::string socket = arguments.socket.value_or(default_socket());
  if (is_script(words)) return sluice::admin::run_script(socket, words.size() > 1);
  if (words.size() == 1 && words[0].starts_with("-")) return usage(unknown_option(words[0]));
  return sluice::admin::run_command(socket, words);
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = sluice::parse_arguments({argv + 1, argv + argc});
  if (!parsed) return usage(parsed.error().message);
  const Arguments& arguments = *parsed;
  const auto& words = arguments.words;
  if (words.empty()) {
    if (arguments.wants_help) return print(kHelp);
    std::fputs(kHelp, stderr);
    return sluice::exit_code(ErrorCode::usage);
  }
  if (words.size() == 1 && (words[0] == "version" || words[0] == "--version")) return print(kVersion);
  if (words[0] == "run") return run(sluice::net::program_path(argv[0]), arguments);
  if (words[0] == "check") return check(arguments);
  if (words[0] == "demo") return demo(arguments);
  return command(arguments);
}
