// What the names of the configuration lead to: looked up again and again, and kept when no server answers.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/config/config.h>
#include <sluice/net/loop.h>
#include <sluice/resolve/resolver.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace sluice::resolve {

/// Of one name, for people.
struct NameInfo {
  size_t places = 0;
  std::optional<Duration> age{};  ///< since the last answer; nothing: none yet
  std::string cause{};            ///< why the last question was not answered; empty when it was
};

/// Control's.
class Names {
 public:
  /// Gets all that is known, whenever it has changed. False: not now, try again.
  using OnChange = std::function<bool(const config::ResolvedNames&)>;

  Names(net::Loop& loop, Log& log, OnChange on_change);
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  /// Sets the names to look up from now on, and the servers to ask. New names are asked for at once.
  void watch(const config::Config& config);
  /// What another process knew last, for those that watch() has named and that are not answered yet.
  void seed(const config::ResolvedNames& places);
  const config::ResolvedNames& places() const { return places_; }
  /// Nothing when the name is not watched.
  std::optional<NameInfo> info(const config::HostName& name) const;

 private:
  struct Entry;
  void ask(Entry& entry);
  void on_answer(const std::string& name, Result<Answer> answer);
  void found(Entry& entry, Answer answer);
  static void keep_untold(Entry& entry, Answer& answer);
  void failed(Entry& entry, const Error& error);
  void tell_changed();

  net::Loop& loop_;
  Log& log_;
  OnChange on_change_;
  config::Resolver settings_;
  std::unique_ptr<Resolver> resolver_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  config::ResolvedNames places_;
  Deadline changed_{[this] { tell_changed(); }};
};

}  // namespace sluice::resolve
