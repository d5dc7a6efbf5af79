// What each command does.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/wait.h>
#include <sluice/control/server.h>
#include <sluice/desired/transaction.h>
#include <sluice/takeover/handover.h>
#include <sluice/takeover/probation.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "admin/command.h"
#include "admin/deeds.h"
#include "admin/reply.h"

namespace sluice::admin {

using Revision = control::Server::Revision;

/// What a session does between begin and commit.
struct Draft {
  desired::Transaction transaction;
  Revision revision{};    ///< what commit has to find
  std::string failure{};  ///< why it cannot be committed any more; empty while it can
};

/// One session's.
struct Context {
  control::Server* server = nullptr;  ///< nullptr while the process starts
  std::string config_path{};
  takeover::Handover* handover = nullptr;    ///< nullptr: no upgrades
  takeover::Probation* probation = nullptr;  ///< nullptr: there has been none
  std::optional<Draft> draft{};
  Asker asker{};
  std::shared_ptr<Deeds> deeds = std::make_shared<Deeds>();  ///< of all sessions
  Log* log = nullptr;                ///< notes which process asked for what; may be null
  std::function<bool()> may_wait{};  ///< or too many sessions wait already; may be empty
};

using OnReply = std::function<void(const Reply&)>;

/// Lines that come as things happen, for as long as the session lasts.
struct Stream {
  std::function<std::string(bool as_json)> take;         ///< the next ones; empty when there are none yet
  std::function<Wait(std::function<void()>)> when_more;  ///< runs the callback once there are some
};

/// A reply at once, or a wait that ends in OnReply, or a stream.
struct CommandResult {
  std::optional<Reply> reply{};
  Wait wait{};
  std::optional<Stream> stream{};
  std::optional<uint64_t> made{};  ///< the generation: so much is done, whatever becomes of the wait
  bool can_go_on = false;          ///< with --made, in a process that takes over
  bool waits_for_verdict = false;  ///< on the process that takes over from this one
};

/// An error when the line is no command: an unknown word or option, or a wrong number of arguments.
Result<void> check_command(const Command& command);
/// Whether it changes anything, and does not only report.
bool is_change(const Command& command);
/// All commands, or those that begin with the words of `about`.
Reply help_about(std::span<const std::string> about);

/// A command that fails between begin and commit leaves nothing to commit.
CommandResult execute(Context& context, const Command& command, OnReply on_reply);
/// The same for a line that is no command.
Reply refuse_line(Context& context, Error error);

// The families of commands, by file.
Reply status(const Context& context);
CommandResult dispositions(control::Server& server, OnReply on_reply);
CommandResult generation_list(control::Server& server, OnReply on_reply);
Reply pool_list(control::Server& server);
Reply pool_show(control::Server& server, const std::string& name);
Reply backend_list(control::Server& server, std::string_view pool);
/// Of one pool, or of all when `pool` is empty.
Reply counters(control::Server& server, std::string_view pool);
Reply route_list(const control::Server& server);
Reply config_show(const control::Server& server);
Reply config_check(const std::string& path);
Reply config_diff(const control::Server& server, const std::string& path);
CommandResult why(Context& context, const Command& command, OnReply on_reply);
CommandResult backend_change(Context& context, const Command& command, OnReply on_reply);
CommandResult reload(Context& context, const Command& command, OnReply on_reply);
CommandResult upgrade(Context& context, const Command& command, OnReply on_reply);
CommandResult events(Context& context, const Command& command, OnReply on_reply);
CommandResult log_level(Context& context, const Command& command, OnReply on_reply);
CommandResult begin(Context& context, const Command& command, OnReply on_reply);
CommandResult commit(Context& context, const Command& command, OnReply on_reply);
CommandResult route_split(Context& context, const Command& command, OnReply on_reply);
CommandResult pool_change(Context& context, const Command& command, OnReply on_reply);
/// How the probation goes, when there is one.
void add_probation(const Context& context, Reply& reply);
/// ` paused for=12s`, or nothing; and null or an object.
std::string pause_words(const control::Server& server, const std::string& pool);
json::Value pause_json(const control::Server& server, const std::string& pool);
/// The names in a pool, and how old what is known of them is.
void add_names(const control::Server& server, const config::Pool& pool, Reply& reply);
CommandResult abort(Context& context, const Command& command, OnReply on_reply);

/// A change between begin and commit: tried, and kept for later.
CommandResult add_to_draft(Context& context, desired::Edit edit, Revision revision);

/// The number behind --if-revision.
Result<Revision> parse_revision(const Command& command);

/// The admin's changes, a line each for people and an object each for programs.
std::vector<std::string> change_lines(const desired::DesiredState& desired);
json::Value changes_json(const desired::DesiredState& desired);

CommandResult now(Reply reply);
CommandResult refuse(Error error);
CommandResult refuse_usage(std::string message);

/// `generation=7`, and what a reload changed.
Reply done(const control::Server::Change& change);
/// The reply once every worker has taken the change's generation as its newest.
CommandResult when_adopted(control::Server& server, control::Server::Change change, OnReply on_reply);

}  // namespace sluice::admin
