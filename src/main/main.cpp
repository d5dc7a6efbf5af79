// The command line: one binary. What is no subcommand of its own is sent to the admin socket.
#include <sluice/admin/client.h>
#include <sluice/base/error.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "main/run.h"

namespace {

using sluice::ErrorCode;

constexpr const char* kHelp = R"(Sluice, a zero-downtime HTTP load balancer

usage:
  sluice run -c FILE [--takeover]
                              run in the foreground; --takeover: in place of the process that runs
  sluice check -c FILE        validate FILE and print what it would do
  sluice demo                 three demo instances and the proxy; no config needed
  sluice [-s PATH] COMMAND    send COMMAND to the admin socket and print the reply;
                              `sluice help` lists the commands
  sluice [-s PATH] -          send the commands on standard input, a line each, in one session;
                              begin ... commit among them takes effect together
  sluice --version | --help

The admin socket is PATH, else $SLUICE_SOCKET, else /run/sluice/admin.sock.
Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid, 4 timed out, 5 conflict,
7 rolled back, 8 not found, 9 denied, 69 nobody answers on the socket.
)";

constexpr const char* kRunHelp = R"(usage: sluice run -c FILE [--takeover[=SOCKET]]

Runs the proxy in the foreground. Signals: HUP reloads FILE; USR1 reopens the logs; USR2 has a new
process take over, as `sluice upgrade`; TERM, INT and QUIT drain and stop, a second one stops at
once. Exit code 3 when FILE is invalid or a listener cannot be bound.

--takeover: takes the listeners and the state over from the process that answers on FILE's admin
socket, which then finishes what it has and ends; with nobody there, starts as without it. With
SOCKET, from the process on that one, and from nobody else.
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

bool asks_for_help(const std::vector<std::string>& words) {
  return words.size() > 1 && (words[1] == "--help" || words[1] == "-h");
}

bool names_config(const std::vector<std::string>& words) {
  return words.size() >= 3 && (words[1] == "-c" || words[1] == "--config");
}

int check(const std::vector<std::string>& words) {
  if (asks_for_help(words)) return print(kCheckHelp);
  if (names_config(words) && words.size() == 3) return sluice::check(words[2]);
  return usage("expected: sluice check -c FILE");
}

int run(const std::vector<std::string>& words) {
  using From = sluice::TakeoverWish::From;
  constexpr std::string_view kFrom = "--takeover=";
  if (asks_for_help(words)) return print(kRunHelp);
  if (names_config(words) && words.size() == 3) return sluice::run(words[2], {});
  if (names_config(words) && words.size() == 4) {
    if (words[3] == "--takeover") return sluice::run(words[2], {.from = From::whoever_is_there});
    if (words[3].starts_with(kFrom) && words[3].size() > kFrom.size()) {
      return sluice::run(words[2], {.from = From::this_one, .socket = words[3].substr(kFrom.size())});
    }
  }
  return usage("expected: sluice run -c FILE [--takeover]");
}

std::string default_socket() {
  const char* from_environment = std::getenv("SLUICE_SOCKET");
  return from_environment != nullptr ? from_environment : "/run/sluice/admin.sock";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::string socket = default_socket();
  if (words.size() >= 2 && (words[0] == "-s" || words[0] == "--socket")) {
    socket = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty()) {
    std::fputs(kHelp, stderr);
    return sluice::exit_code(ErrorCode::usage);
  }
  if (words[0] == "--help" || words[0] == "-h") return print(kHelp);
  if (words[0] == "--version") return print("sluice " SLUICE_VERSION "\n");
  if (words[0] == "run") return run(words);
  if (words[0] == "check") return check(words);
  if (words[0] == "demo") {
    if (asks_for_help(words)) return print(kDemoHelp);
    return words.size() == 1 ? sluice::run_demo() : usage("demo takes no arguments");
  }
  if (words[0] == "-" && words.size() == 1) return sluice::admin::run_script(socket);
  if (words[0].starts_with("-")) return usage("unknown option " + words[0]);
  return sluice::admin::run_command(socket, words);
}
