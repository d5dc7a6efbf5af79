#include "admin/deeds.h"

#include <sluice/base/log.h>
#include <sluice/base/text.h>

#include <algorithm>

namespace sluice::admin {
namespace {

constexpr size_t kMost = 256;

/// Of these it is not known here what they were about.
bool is_about_anything(const Command& command) {
  return command.words[0] == "commit" || command.words[0] == "reload";
}

}  // namespace

std::string words(const Asker& asker) {
  if (asker.process == 0) return "";
  return field("uid", static_cast<long long>(asker.user)) + field("pid", asker.process);
}

void Deeds::note(uint64_t generation, const Command& command, const Asker& asker) {
  deeds_.push_back({generation, command, asker});
  if (deeds_.size() > kMost) deeds_.pop_front();
}

template <class IsAbout>
std::string Deeds::newest(uint64_t generation, IsAbout is_about) const {
  const auto doer = [&](auto matches) {
    const auto found = std::find_if(deeds_.rbegin(), deeds_.rend(), [&](const Deed& deed) {
      return deed.generation > generation && matches(deed.command);
    });
    if (found == deeds_.rend()) return std::string();
    return concat({"by \"", found->command.text, "\" of", words(found->asker)});
  };
  std::string by = doer(is_about);
  if (by.empty()) by = doer(is_about_anything);
  return by.empty() ? "by a reload, or by another process" : by;
}

std::string Deeds::by_whom(uint64_t generation, const desired::BackendKey& backend) const {
  return newest(generation, [&](const Command& command) {
    if (command.words[0] != "backend" || command.words.size() < 4) return false;
    const auto address = Address::parse(command.words[3]);
    return command.words[2] == backend.first && address && *address == backend.second;
  });
}

std::string Deeds::by_whom(uint64_t generation, std::string_view pool) const {
  return newest(generation, [&](const Command& command) {
    return command.words[0] == "pool" && command.words.size() > 2 && command.words[2] == pool;
  });
}

}  // namespace sluice::admin
