// `dispositions`: the ledger of promise 11, by worker, for this process, and with the processes before it.
#include <sluice/base/log.h>
#include <sluice/base/text.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using observe::Account;

std::string line_of(std::string_view who, const Account& account) {
  const auto count = [](uint64_t value) { return static_cast<long long>(value); };
  std::string line = concat({who, field("accepted", count(account.accepted))});
  if (account.adopted > 0) line += field("taken", count(account.adopted));
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    if (account.ended[i] == 0 && i > 0) continue;
    line += field(name(static_cast<observe::Disposition>(i)), count(account.ended[i]));
  }
  if (account.handed_off > 0) line += field("left", count(account.handed_off));
  return line + field("in_flight", count(account.in_flight)) +
         field("balanced", account.is_balanced() ? "yes" : "no");
}

json::Value json_of(const Account& account) {
  json::Value ended;
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    ended[std::string(name(static_cast<observe::Disposition>(i)))] = account.ended[i];
  }
  return {{"accepted", account.accepted},   {"taken", account.adopted},
          {"ended", std::move(ended)},      {"left", account.handed_off},
          {"in_flight", account.in_flight}, {"balanced", account.is_balanced()}};
}

/// What the processes before this one have left or taken among themselves and with this one is no matter any
/// more: what is not ended of theirs is in flight there, or here.
Account with_predecessors(const Account& here, const observe::Totals& before) {
  Account all = here;
  all.adopted = all.handed_off = 0;
  all.accepted += before.accepted;
  for (size_t i = 0; i < observe::kDispositions; ++i) all.ended[i] += before.ended[i];
  return all;
}

Reply report(const control::Server& server, const std::vector<Account>& accounts) {
  Reply reply;
  Account process;
  bool all_balanced = true;
  reply.data["workers"] = json::Value::array();
  for (const Account& each : accounts) {
    process.add(each);
    all_balanced = all_balanced && each.is_balanced();
    reply.lines.push_back(line_of(concat({"worker ", std::to_string(each.worker)}), each));
    reply.data["workers"].push_back(json_of(each));
  }
  reply.lines.push_back(line_of("process", process));
  reply.data["process"] = json_of(process);
  if (const auto& before = server.predecessors(); before.any()) {
    const Account all = with_predecessors(process, before.totals());
    if (before.has_lost() && before.draining() == 0) {
      reply.lines.push_back("total: what a process before this one had when it died is not counted yet");
    } else if (before.draining() > 0) {
      reply.lines.push_back("total: a process before this one has not ended yet");
    } else {
      all_balanced = all_balanced && all.is_balanced();
      reply.lines.push_back(line_of("total", all));
      reply.data["total"] = json_of(all);
    }
  }
  reply.data["balanced"] = all_balanced;
  reply.ok = concat({"balanced=", all_balanced ? "yes" : "no"});
  return reply;
}

}  // namespace

CommandResult dispositions(control::Server& server, OnReply on_reply) {
  return {.wait = server.ask_accounts([&server, on_reply = std::move(on_reply)](const auto& accounts) {
    on_reply(report(server, accounts));
  })};
}

}  // namespace sluice::admin
