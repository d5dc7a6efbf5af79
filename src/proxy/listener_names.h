// What listeners are called, for the access log. One worker's.
#pragma once

#include <sluice/config/config.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>

namespace sluice::proxy {

/// Shared by the listener and its connections, which may outlive it. The text changes when a configuration
/// gives the listener another name.
using ListenerName = std::shared_ptr<const std::string>;

/// The names of the configured listeners, and of those that are gone but still have connections.
class ListenerNames {
 public:
  /// Takes the names of the configuration, and forgets those that neither it nor a connection uses.
  void update(const config::Config& config) {
    for (const auto& listener : config.listeners) *entry(listener.bind.text()) = listener.name;
    std::erase_if(names_, [&](const auto& name) {
      return name.second.use_count() == 1 && !is_configured(config, name.first);
    });
  }
  /// By its address, which is its name until a configuration gives it one.
  ListenerName of(const std::string& address) { return entry(address); }
  size_t size() const { return names_.size(); }

 private:
  static bool is_configured(const config::Config& config, const std::string& address) {
    return std::ranges::any_of(config.listeners,
                               [&](const auto& listener) { return listener.bind.text() == address; });
  }
  std::shared_ptr<std::string>& entry(const std::string& address) {
    auto& name = names_[address];
    if (!name) name = std::make_shared<std::string>(address);
    return name;
  }

  std::map<std::string, std::shared_ptr<std::string>> names_;
};

}  // namespace sluice::proxy
