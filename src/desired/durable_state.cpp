#include <sluice/base/text.h>
#include <sluice/desired/durable_state.h>

#include <algorithm>
#include <optional>

namespace sluice::desired {
namespace {

constexpr int kMostTold = 20;

Error cannot_start(Error error) {
  error.message = concat({"server.state_file: ", error.message});
  if (error.code != ErrorCode::conflict) error.code = ErrorCode::invalid_config;
  return error;
}

/// Empty: nothing is kept.
std::string path_in(const StateStore* store, const config::Config& config) {
  return store == nullptr ? std::string() : config.server.state_file;
}

/// What the file says; nothing when it is damaged, and it is set aside then.
Result<SavedState> load(StateStore::File& file, Log& log) {
  const auto damaged = [&](const std::string& cause) {
    const auto aside = file.set_aside();
    log.error("state file damaged, starting without admin changes" + field("state_file", file.path()) +
              field("cause", cause) +
              (aside ? field("set_aside_as", *aside) : field("not_set_aside", aside.error().message)));
    return SavedState{};
  };
  auto text = file.read();
  if (!text && text.error().code == ErrorCode::too_large) return damaged(text.error().message);
  if (!text) return std::move(text).error();
  if (!*text) return SavedState{};
  auto state = parse_state(**text);
  if (state) return state;
  if (state.error().code != ErrorCode::unsupported) return damaged(state.error().message);
  return Error{.code = ErrorCode::unsupported,
               .message = concat({file.path(), ": ", state.error().message,
                                  ": start that one, or move the file away to start without its changes"})};
}

}  // namespace

Result<std::unique_ptr<DurableState>> DurableState::open(config::Config config, StateStore* store, Log& log) {
  const std::string path = path_in(store, config);
  std::unique_ptr<StateStore::File> file;
  SavedState saved;
  if (!path.empty()) {
    auto opened = store->open(path);
    if (!opened) return cannot_start(std::move(opened).error());
    file = *std::move(opened);
    auto loaded = load(*file, log);
    if (!loaded) return cannot_start(std::move(loaded).error());
    saved = *std::move(loaded);
  }
  if (!saved.changes.empty()) {
    log.info("admin changes loaded" + field("changes", static_cast<long long>(saved.changes.size())) +
             field("state_file", path));
  }
  DesiredState desired(std::move(config), std::move(saved.changes));
  log_waiting(desired, log);
  return std::unique_ptr<DurableState>(
      new DurableState(std::move(desired), std::move(file), saved.generation, log));
}

Result<std::unique_ptr<DurableState>> DurableState::inherit(config::Config config, Inherited from,
                                                            StateStore* store, Log& log) {
  const std::string path = path_in(store, config);
  std::unique_ptr<StateStore::File> file;
  if (!path.empty() && path == from.path && from.lock.is_open()) {
    file = store->adopt(path, std::move(from.lock));
  } else if (!path.empty()) {
    auto opened = store->open(path);
    if (!opened) return cannot_start(std::move(opened).error());
    file = *std::move(opened);
    // Acknowledged changes are in another file as yet, which the next start will not read.
    const auto text = from.saved.changes.empty() ? Result<std::string>("") : state_text(from.saved);
    auto can_be = text ? file->prove(*text) : Result<void>(text.error());
    if (!can_be) return cannot_start(std::move(can_be).error());
  }
  if (file) {
    // Its content is known already, but not that it can be read.
    if (auto text = file->read(); !text) return cannot_start(std::move(text).error());
  }
  // The predecessor reads what it has written, whatever it says of itself.
  const uint64_t its_version = std::max(from.reads, state_version(from.saved.changes));
  const bool may_go_back = config.server.probation.time > Duration::zero();
  DesiredState desired(std::move(config), std::move(from.saved.changes),
                       may_go_back ? RedundantChanges::keep : RedundantChanges::forget);
  desired.resolve(std::move(from.places));
  log_waiting(desired, log);
  auto state = std::unique_ptr<DurableState>(
      new DurableState(std::move(desired), std::move(file), from.saved.generation, log));
  if (may_go_back) state->other_reads_ = its_version;
  return state;
}

namespace {

/// All but the pauses, which the file does not keep.
Changes kept_changes(Changes changes) {
  changes.pauses.clear();
  return changes;
}

}  // namespace

Result<void> DurableState::save(const DesiredState& next, uint64_t number) {
  if (!file_) return {};
  const auto text = state_text({.generation = number, .changes = next.changes()});
  return text ? file_->write(*text) : Result<void>(text.error());
}

Result<void> DurableState::advance(DesiredState next, uint64_t number) {
  if (state_version(next.changes()) > other_reads_) {
    return Error{.code = ErrorCode::conflict,
                 .message =
                     "nothing was changed: the process that stands by is of a release before weight 0, "
                     "and could not go on with it; end the probation first (`sluice upgrade --keep`)"};
  }
  if (auto saved = save(next, number); !saved) {
    if (kept_changes(next.changes()) != kept_changes(desired_.changes())) {
      return Error{
          .code = saved.error().code,
          .message = concat({"nothing was changed, the state file cannot keep it: ", saved.error().message})};
    }
    log_.warning("state file not written, admin changes will be refused" +
                 field("cause", saved.error().message));
  }
  desired_ = std::move(next);
  return {};
}

void DurableState::be_alone() {
  desired_.drop_redundant();
  other_reads_ = kNewestState;
}

void DurableState::write(uint64_t number) {
  if (auto saved = save(desired_, number); !saved) {
    log_.warning("state file not written, admin changes will be refused" +
                 field("cause", saved.error().message));
  }
}

std::optional<SavedState> DurableState::reload() {
  if (!file_) return std::nullopt;
  auto text = file_->read();
  const auto saved = text && *text ? parse_state(**text) : Result<SavedState>(Error{.message = "not there"});
  if (saved) return *saved;
  log_.error("state file not read, going on with the changes before" +
             field("cause", text ? saved.error().message : text.error().message));
  return std::nullopt;
}

void log_waiting(const DesiredState& desired, Log& log) {
  int told = 0;
  for (const auto& [change, cause] : desired.describe()) {
    if (cause.empty()) continue;
    if (++told > kMostTold) return log.warning("more admin changes do not apply; see `sluice status`");
    log.warning("admin change does not apply, it is kept until reload --reset" + field("change", change) +
                field("cause", cause));
  }
}

}  // namespace sluice::desired
