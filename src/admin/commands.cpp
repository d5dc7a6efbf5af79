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

struct Entry {
  std::string_view words;
  std::string_view arguments;
  std::string_view help;
  size_t least;  // arguments
  size_t most;
  Outcome (*run)(Context&, const Command&, OnReply);
};

Outcome now(Reply reply) {
  return {.reply = std::move(reply)};
}

Reply config_show(lifecycle::Server& server) {
  Reply reply;
  const std::string toml = config::to_toml(server.config());
  size_t begin = 0;
  while (begin < toml.size()) {
    const size_t end = toml.find('\n', begin);
    reply.lines.push_back(toml.substr(begin, end - begin));
    begin = end + 1;
  }
  reply.data["toml"] = toml;
  return reply;
}

Reply config_check(const std::string& path) {
  const auto loaded = config::load(path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded))
    return Reply::failed(config::as_error(*problems));
  Reply reply;
  reply.ok = concat({"file=", path});
  reply.data["file"] = path;
  return reply;
}

Outcome stop(Context& context, const Command&, OnReply) {
  context.server->stop();
  return now({.ok = "stopping"});
}

Outcome help(Context&, const Command&, OnReply);

std::string argument(const Command& command, size_t index) {
  return index < command.words.size() ? command.words[index] : std::string();
}

constexpr std::array kEntries = {
    Entry{"help", "", "this list", 0, 0, help},
    Entry{"status", "", "version, uptime, generation, listeners, pools, requests", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(status(*c.server)); }},
    Entry{"config show", "", "the effective configuration, as TOML", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(config_show(*c.server)); }},
    Entry{"config check", "", "validate the file, change nothing", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(config_check(c.config_path)); }},
    Entry{"reload", "[--reset]", "read the file again; --reset drops admin changes", 0, 0,
          [](Context& c, const Command& command, OnReply done) {
            return reload(*c.server, command, std::move(done));
          }},
    Entry{"stop", "", "drain and stop, as SIGTERM", 0, 0, stop},
    Entry{"generation list", "", "the current generation and those that drain", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(generation_list(*c.server)); }},
    Entry{"pool list", "", "pools with their backends and requests", 0, 0,
          [](Context& c, const Command&, OnReply) { return now(pool_list(*c.server)); }},
    Entry{"backend list", "[POOL]", "backends with state, weight and requests", 0, 1,
          [](Context& c, const Command& command, OnReply) {
            return now(backend_list(*c.server, argument(command, 2)));
          }},
    Entry{"backend add", "POOL ADDRESS [--weight N] [--version TAG] [--wait TIME]",
          "add it, or change it; --wait: answer once it is healthy", 2, 2,
          [](Context& c, const Command& command, OnReply done) {
            return backend_change(*c.server, command, std::move(done));
          }},
    Entry{"backend remove", "POOL ADDRESS [--wait TIME]",
          "give it nothing new and forget it; --wait: answer once nothing is in flight", 2, 2,
          [](Context& c, const Command& command, OnReply done) {
            return backend_change(*c.server, command, std::move(done));
          }},
    Entry{"backend drain", "POOL ADDRESS [--wait TIME]",
          "give it nothing new; --wait: answer once nothing is in flight", 2, 2,
          [](Context& c, const Command& command, OnReply done) {
            return backend_change(*c.server, command, std::move(done));
          }},
    Entry{"backend ready", "POOL ADDRESS [--wait TIME]", "undo drain; --wait: answer once it is healthy", 2,
          2,
          [](Context& c, const Command& command, OnReply done) {
            return backend_change(*c.server, command, std::move(done));
          }},
    Entry{"backend weight", "POOL ADDRESS N", "set its weight, 1 to 1000", 3, 3,
          [](Context& c, const Command& command, OnReply done) {
            return backend_change(*c.server, command, std::move(done));
          }},
};

Outcome help(Context&, const Command&, OnReply) {
  Reply reply;
  reply.data["commands"] = nlohmann::ordered_json::array();
  for (const Entry& entry : kEntries) {
    const std::string usage = concat({entry.words, entry.arguments.empty() ? "" : " ", entry.arguments});
    std::string line = usage;
    line.resize(std::max<size_t>(line.size() + 2, 40), ' ');
    reply.lines.push_back(line + std::string(entry.help));
    reply.data["commands"].push_back({{"command", usage}, {"help", entry.help}});
  }
  reply.lines.emplace_back("any command takes --json; TIME is such as 500ms, 30s, 5m");
  return now(std::move(reply));
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

Reply unknown(const Command& command) {
  std::string given = command.words[0];
  if (command.words.size() > 1) given = concat({given, " ", command.words[1]});
  std::array<std::string_view, kEntries.size()> known;
  std::ranges::transform(kEntries, known.begin(), &Entry::words);
  std::string message = concat({"unknown command \"", given, "\""});
  const auto near = closest_match(given, known);
  message += near ? concat({", did you mean \"", *near, "\"?"}) : std::string("; `help` lists them");
  return Reply::failed({.code = ErrorCode::usage, .message = std::move(message)});
}

}  // namespace

Outcome execute(Context& context, const Command& command, OnReply on_reply) {
  const Entry* entry = find(command);
  if (entry == nullptr) return now(unknown(command));
  const size_t arguments = command.words.size() - word_count(*entry);
  if (arguments < entry->least || arguments > entry->most) {
    const std::string message = concat({"expected: ", entry->words, " ", entry->arguments});
    return now(Reply::failed({.code = ErrorCode::usage, .message = message}));
  }
  if (context.server == nullptr) {
    return now(Reply::failed({.code = ErrorCode::failed, .message = "the process is still starting"}));
  }
  return entry->run(context, command, std::move(on_reply));
}

Outcome when_adopted(lifecycle::Server& server, lifecycle::Server::Change change, OnReply on_reply) {
  const uint64_t number = change.generation;
  Wait wait = server.when(
      [&server, number] { return server.is_adopted(number); }, kAdoption,
      [change, on_reply = std::move(on_reply)](bool adopted) {
        if (!adopted) {
          return on_reply(
              Reply::failed({.code = ErrorCode::timed_out, .message = "a worker did not answer"}));
        }
        Reply reply;
        reply.ok =
            concat({"generation=", std::to_string(change.generation), change.changed ? "" : " unchanged"});
        reply.data["generation"] = change.generation;
        reply.data["changed"] = change.changed;
        on_reply(reply);
      });
  return {.wait = std::move(wait)};
}

Outcome reload(lifecycle::Server& server, const Command& command, OnReply on_reply) {
  using AdminChanges = lifecycle::Server::AdminChanges;
  auto change = server.reload(command.has("--reset") ? AdminChanges::drop : AdminChanges::keep);
  if (!change) return now(Reply::failed(std::move(change).error()));
  return when_adopted(server, *change, std::move(on_reply));
}

}  // namespace sluice::admin
