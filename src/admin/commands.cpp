#include "admin/commands.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace sluice::admin {
namespace {

constexpr Duration kAdoption{10'000};
constexpr size_t kMostPools = 100;         // of one route
constexpr size_t kMostDifferences = 1000;  // that a reload answers
constexpr size_t kLongestLogged = 300;     // bytes of a command

enum class Effect { none, change };

struct Entry {
  std::string_view words;
  std::string_view arguments;
  std::string_view help;
  size_t least;  // arguments
  size_t most;
  CommandResult (*run)(Context&, const Command&, OnReply);
  Effect effect = Effect::none;
};

CommandResult stop(Context& context, const Command&, OnReply) {
  if (context.draft) return refuse_usage("stop cannot stand between begin and commit");
  context.server->stop();
  return now({.ok = "stopping"});
}

CommandResult help(Context&, const Command&, OnReply);

Reply version() {
  Reply reply;
  reply.lines.emplace_back("sluice " SLUICE_VERSION);
  reply.data["version"] = SLUICE_VERSION;
  return reply;
}

std::string argument(const Command& command, size_t index) {
  return index < command.words.size() ? command.words[index] : std::string();
}

constexpr std::array kEntries = {
    Entry{"help", "[COMMAND]", "this list, or what is known of COMMAND", 0, 2, help},
    Entry{"version", "", "of the process that answers", 0, 0,
          [](Context&, const Command&, OnReply) { return now(version()); }},
    Entry{"status", "", "version, uptime, generation, listeners, pools, requests", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(status(c)); }},
    Entry{"config show", "", "the effective configuration, as TOML", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(config_show(*c.server)); }},
    Entry{"config check", "", "validate the file, change nothing", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(config_check(c.config_path)); }},
    Entry{"config diff", "", "what a reload would change, and what the admin has changed", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(config_diff(*c.server, c.config_path)); }},
    Entry{"reload", "[--reset] [--if-revision N]",
          "read the file again, and say what changed; --reset drops admin changes", 0, 0, reload,
          Effect::change},
    Entry{
        "upgrade", "[--binary PATH] [--wait TIME] | [--back] | [--keep]",
        "a new process takes over, with every listener and all state; --wait: answer once it has passed its "
        "probation; --back: the one before takes all back; --keep: it does not",
        0, 0, upgrade, Effect::change},
    Entry{"events", "[--since N] [--follow]", "what has happened, after event N; --follow: and what happens",
          0, 0, events},
    Entry{"log level", "[LEVEL]", "the least that is logged: debug, info, warning or error", 0, 1, log_level,
          Effect::change},
    Entry{"stop", "", "drain and stop, as SIGTERM", 0, 0, stop, Effect::change},
    Entry{"generation list", "", "the current generation, those that drain, and what holds them", 0, 0,
          [](Context& c, const Command&, OnReply on_reply) {
            return generation_list(*c.server, std::move(on_reply));
          }},
    Entry{"why", "[REQUEST-ID] | [--failed] [--pool POOL] [--since TIME] [--limit N]",
          "what happened to a request: attempts, waits, backend, generation, times; without an id: to which "
          "it did, those that failed first; --since 5m: in the last five minutes",
          0, 1, why},
    Entry{"route list", "", "routes, and which pools their requests go to", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(route_list(*c.server)); }},
    Entry{"route split", "ROUTE POOL=WEIGHT ... [--if-revision N]",
          "send its requests to these pools, by weight; the others get none", 2, kMostPools, route_split,
          Effect::change},
    Entry{"pool list", "", "pools with their backends and requests", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(pool_list(*c.server)); }},
    Entry{"pool show", "POOL", "one pool: its balance, its backends", 1, 1,
          [](Context& c, const Command& command, OnReply) {
            return now(pool_show(*c.server, argument(command, 2)));
          }},
    Entry{"dispositions", "", "how every accepted request has ended, by worker, and whether the sums agree",
          0, 0,
          [](Context& c, const Command&, OnReply on_reply) {
            return dispositions(*c.server, std::move(on_reply));
          }},
    Entry{"counters", "[POOL]", "requests retried, held and cut, by pool, version of the backend, and cause",
          0, 1,
          [](Context& c, const Command& command, OnReply) {
            return now(counters(*c.server, argument(command, 1)));
          }},
    Entry{"pool pause", "POOL [--for TIME] [--wait TIME] [--if-revision N]",
          "hold its new requests in the queue; --wait: answer once nothing is in flight", 1, 1, pool_change,
          Effect::change},
    Entry{"pool resume", "POOL [--if-revision N]", "give the backends what was held, and what comes", 1, 1,
          pool_change, Effect::change},
    Entry{"backend list", "[POOL]", "backends with state, weight and requests", 0, 1,
          [](Context& c, const Command& command, OnReply) {
            return now(backend_list(*c.server, argument(command, 2)));
          }},
    Entry{"backend add",
          "POOL ADDRESS [--weight N] [--version TAG] [--max-requests N] [--priority N] [--zone ZONE] "
          "[--wait TIME [--made N]] [--if-revision N]",
          "add it, or change it; --wait: answer once it is healthy", 2, 2, backend_change, Effect::change},
    Entry{"backend remove", "POOL ADDRESS [--wait TIME [--made N]] [--if-revision N]",
          "give it nothing new and forget it; --wait: answer once nothing is in flight", 2, 2, backend_change,
          Effect::change},
    Entry{"backend drain", "POOL ADDRESS [--wait TIME [--made N]] [--if-revision N]",
          "give it nothing new; --wait: answer once nothing is in flight", 2, 2, backend_change,
          Effect::change},
    Entry{"backend ready", "POOL ADDRESS [--wait TIME [--made N]] [--if-revision N]",
          "undo drain; --wait: answer once it is healthy", 2, 2, backend_change, Effect::change},
    Entry{"backend weight", "POOL ADDRESS N [--if-revision N]",
          "set its weight, 0 to 1000; 0: no new requests", 3, 3, backend_change, Effect::change},
    Entry{"begin", "[--if-revision N]", "hold the changes that follow in this session back, until commit", 0,
          0, begin},
    Entry{"commit", "[--if-revision N]", "all of them in one generation, or none", 0, 0, commit,
          Effect::change},
    Entry{"abort", "", "forget them", 0, 0, abort},
};

bool begins_with(const Entry& entry, std::span<const std::string> about) {
  const auto words = split_words(entry.words);
  return about.size() <= words.size() && std::equal(about.begin(), about.end(), words.begin());
}

CommandResult help(Context&, const Command& command, OnReply) {
  return now(help_about(std::span(command.words).subspan(1)));
}

size_t word_count(const Entry& entry) {
  return entry.words.find(' ') == std::string_view::npos ? 1 : 2;
}

const Entry* find(const Command& command) {
  for (const Entry& entry : kEntries) {
    const size_t count = word_count(entry);
    if (command.words.size() < count) continue;
    const std::string given =
        count == 1 ? command.words[0] : concat({command.words[0], " ", command.words[1]});
    if (given == entry.words) return &entry;
  }
  return nullptr;
}

Error unknown(const Command& command) {
  std::string given = command.words[0];
  if (command.words.size() > 1) given = concat({given, " ", command.words[1]});
  std::array<std::string_view, kEntries.size()> known;
  std::ranges::transform(kEntries, known.begin(), &Entry::words);
  std::string message = concat({"unknown command \"", given, "\""});
  const auto near = closest_match(given, known);
  message += near ? concat({", did you mean \"", *near, "\"?"}) : std::string("; `help` lists them");
  return {.code = ErrorCode::usage, .message = std::move(message)};
}

std::string usage_of(const Entry& entry) {
  return concat({entry.words, entry.arguments.empty() ? "" : " ", entry.arguments});
}

/// The options that mean something to a command are those that its help names.
Result<void> check_options(const Entry& entry, const Command& command) {
  for (const auto& [option, unused] : command.options) {
    if (option == "--json" || entry.arguments.find(concat({"[", option})) != std::string_view::npos) continue;
    return Error{.code = ErrorCode::usage, .message = concat({entry.words, " takes no ", option})};
  }
  return {};
}

void log_change(const Context& context, const Command& command) {
  if (context.log == nullptr) return;
  std::string text = command.text;
  if (text.size() > kLongestLogged) text = text.substr(0, kLongestLogged) + "...";
  context.log->info("admin command" + field("command", text) + words(context.asker));
}

CommandResult run(Context& context, const Command& command, OnReply on_reply) {
  if (auto known = check_command(command); !known) return refuse(std::move(known).error());
  const Entry& entry = *find(command);
  const bool needs_server = entry.run != help && entry.words != "version";
  if (context.server == nullptr && needs_server) {
    return refuse({.code = ErrorCode::failed, .message = "the process is still starting"});
  }
  const bool waits = command.has("--wait") || command.has("--follow");
  if (waits && context.may_wait && !context.may_wait()) {
    return refuse({.code = ErrorCode::failed,
                   .message = "too many sessions wait already: end some of them; nothing was done"});
  }
  if (entry.effect == Effect::change) log_change(context, command);
  CommandResult outcome = entry.run(context, command, std::move(on_reply));
  if (outcome.made) context.deeds->note(*outcome.made, command, context.asker);
  return outcome;
}

}  // namespace

Result<void> check_command(const Command& command) {
  const Entry* entry = find(command);
  if (entry == nullptr) return unknown(command);
  const size_t arguments = command.words.size() - word_count(*entry);
  if (arguments < entry->least || arguments > entry->most) {
    return Error{.code = ErrorCode::usage, .message = concat({"expected: ", usage_of(*entry)})};
  }
  return check_options(*entry, command);
}

bool is_change(const Command& command) {
  const Entry* entry = find(command);
  return entry != nullptr && entry->effect == Effect::change;
}

Reply help_about(std::span<const std::string> about) {
  Reply reply;
  reply.data["commands"] = json::Value::array();
  for (const Entry& entry : kEntries) {
    if (!begins_with(entry, about)) continue;
    const std::string usage = usage_of(entry);
    std::string line = usage;
    line.resize(std::max<size_t>(line.size() + 2, 40), ' ');
    reply.lines.push_back(line + std::string(entry.help));
    reply.data["commands"].push_back({{"command", usage}, {"help", entry.help}});
  }
  if (reply.lines.empty()) {
    Command asked;
    asked.words.assign(about.begin(), about.end());
    return Reply::failed(unknown(asked));
  }
  reply.lines.emplace_back("any command takes --json; TIME is such as 500ms, 30s, 5m");
  reply.lines.emplace_back("--if-revision N: refused with `error conflict` unless the generation is N");
  reply.lines.emplace_back("--made N: change nothing, go on waiting for what generation N has changed");
  return reply;
}

CommandResult execute(Context& context, const Command& command, OnReply on_reply) {
  CommandResult outcome = run(context, command, std::move(on_reply));
  if (outcome.reply && outcome.reply->error && context.draft && context.draft->failure.empty()) {
    context.draft->failure = outcome.reply->error->message;
  }
  return outcome;
}

Reply refuse_line(Context& context, Error error) {
  if (context.draft && context.draft->failure.empty()) context.draft->failure = error.message;
  return Reply::failed(std::move(error));
}

CommandResult now(Reply reply) {
  return {.reply = std::move(reply)};
}

CommandResult refuse(Error error) {
  return now(Reply::failed(std::move(error)));
}

CommandResult refuse_usage(std::string message) {
  return refuse({.code = ErrorCode::usage, .message = std::move(message)});
}

Result<Revision> parse_revision(const Command& command) {
  if (!command.has("--if-revision")) return Revision();
  const auto number = parse_unsigned(command.option("--if-revision"));
  if (number) return Revision(*number);
  return Error{.code = ErrorCode::usage,
               .message = "expected the number of a generation behind --if-revision"};
}

Reply done(const control::Server::Change& change) {
  Reply reply;
  reply.lines = change.differences;
  if (reply.lines.size() > kMostDifferences) {
    const size_t more = reply.lines.size() - kMostDifferences;
    reply.lines.resize(kMostDifferences);
    reply.lines.push_back(concat({"... and ", std::to_string(more), " more"}));
  }
  reply.ok = concat({"generation=", std::to_string(change.generation), change.changed ? "" : " unchanged"});
  reply.data["generation"] = change.generation;
  reply.data["changed"] = change.changed;
  if (!reply.lines.empty()) reply.data["differences"] = reply.lines;
  return reply;
}

CommandResult when_adopted(control::Server& server, control::Server::Change change, OnReply on_reply) {
  const uint64_t number = change.generation;
  Wait wait = server.when(
      [&server, number] { return server.is_adopted(number); }, kAdoption,
      [change = std::move(change), on_reply = std::move(on_reply)](bool adopted) {
        if (adopted) return on_reply(done(change));
        on_reply(Reply::failed({.code = ErrorCode::timed_out, .message = "a worker did not answer"}));
      });
  return {.wait = std::move(wait), .made = number};
}

}  // namespace sluice::admin
