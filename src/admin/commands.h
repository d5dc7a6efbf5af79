// What each command does.
#pragma once

#include <sluice/base/wait.h>
#include <sluice/lifecycle/handover.h>
#include <sluice/lifecycle/probation.h>
#include <sluice/lifecycle/server.h>
#include <sluice/lifecycle/transaction.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "admin/command.h"
#include "admin/reply.h"

namespace sluice::admin {

using Revision = lifecycle::Server::Revision;

/// What a session does between begin and commit.
struct Draft {
  lifecycle::Transaction transaction;
  Revision revision{};    ///< what commit has to find
  std::string failure{};  ///< why it cannot be committed any more; empty while it can
};

/// One session's.
struct Context {
  lifecycle::Server* server = nullptr;  ///< nullptr while the process starts
  std::string config_path{};
  lifecycle::Handover* handover = nullptr;    ///< nullptr: no upgrades
  lifecycle::Probation* probation = nullptr;  ///< nullptr: there has been none
  std::optional<Draft> draft{};
};

using OnReply = std::function<void(const Reply&)>;

/// Lines that come as things happen, for as long as the session lasts.
struct Stream {
  std::function<std::string(bool as_json)> take;         ///< the next ones; empty when there are none yet
  std::function<Wait(std::function<void()>)> when_more;  ///< runs the callback once there are some
};

/// A reply at once, or a wait that ends in OnReply, or a stream.
struct Outcome {
  std::optional<Reply> reply{};
  Wait wait{};
  std::optional<Stream> stream{};
  std::optional<uint64_t> made{};  ///< the generation: so much is done, whatever becomes of the wait
  bool waits_for_verdict = false;  ///< on the process that takes over from this one
};

/// A command that fails between begin and commit leaves nothing to commit.
Outcome execute(Context& context, const Command& command, OnReply on_reply);
/// The same for a line that is no command.
Reply refuse_line(Context& context, Error error);

// The families of commands, by file.
Reply status(const Context& context);
Outcome dispositions(lifecycle::Server& server, OnReply on_reply);
Outcome generation_list(lifecycle::Server& server, OnReply on_reply);
Reply pool_list(lifecycle::Server& server);
Reply pool_show(lifecycle::Server& server, const std::string& name);
Reply backend_list(lifecycle::Server& server, std::string_view pool);
/// Of one pool, or of all when `pool` is empty.
Reply counters(lifecycle::Server& server, std::string_view pool);
Reply route_list(const lifecycle::Server& server);
Reply config_show(const lifecycle::Server& server);
Reply config_check(const std::string& path);
Reply config_diff(const lifecycle::Server& server, const std::string& path);
Outcome why(Context& context, const Command& command, OnReply on_reply);
Outcome backend_change(Context& context, const Command& command, OnReply on_reply);
Outcome reload(Context& context, const Command& command, OnReply on_reply);
Outcome upgrade(Context& context, const Command& command, OnReply on_reply);
Outcome events(Context& context, const Command& command, OnReply on_reply);
Outcome log_level(Context& context, const Command& command, OnReply on_reply);
Outcome begin(Context& context, const Command& command, OnReply on_reply);
Outcome commit(Context& context, const Command& command, OnReply on_reply);
Outcome route_split(Context& context, const Command& command, OnReply on_reply);
Outcome pool_change(Context& context, const Command& command, OnReply on_reply);
/// How the probation goes, when there is one.
void add_probation(const Context& context, Reply& reply);
/// ` paused for=12s`, or nothing; and null or an object.
std::string pause_words(const lifecycle::Server& server, const std::string& pool);
nlohmann::ordered_json pause_json(const lifecycle::Server& server, const std::string& pool);
/// The names in a pool, and how old what is known of them is.
void add_names(const lifecycle::Server& server, const config::Pool& pool, Reply& reply);
Outcome abort(Context& context, const Command& command, OnReply on_reply);

/// A change between begin and commit: tried, and kept for later.
Outcome add_to_draft(Context& context, lifecycle::Edit edit, Revision revision);

/// The number behind --if-revision.
Result<Revision> parse_revision(const Command& command);

/// The admin's changes, a line each for people and an object each for programs.
std::vector<std::string> change_lines(const lifecycle::DesiredState& desired);
nlohmann::ordered_json changes_json(const lifecycle::DesiredState& desired);

Outcome now(Reply reply);
Outcome refuse(Error error);
Outcome refuse_usage(std::string message);

/// `generation=7`, and what a reload changed.
Reply done(const lifecycle::Server::Change& change);
/// The reply once every worker has taken the change's generation as its newest.
Outcome when_adopted(lifecycle::Server& server, lifecycle::Server::Change change, OnReply on_reply);

}  // namespace sluice::admin
