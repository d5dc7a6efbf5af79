#include <sluice/base/text.h>
#include <sluice/proxy/generation.h>

#include <utility>

namespace sluice::proxy {

namespace {

/// Setting a field is removing it and adding it.
http::FieldEdits made_ready(const config::FieldEdits& edits, const std::string& via) {
  http::FieldEdits ready{.via = via};
  for (const auto& name : edits.remove) ready.removed.push_back(to_lower(name));
  for (const auto& [name, value] : edits.set) ready.removed.push_back(to_lower(name));
  for (const auto* fields : {&edits.set, &edits.add}) {
    for (const auto& [name, value] : *fields) ready.added.add(name, value);
  }
  return ready;
}

}  // namespace

Generation::Generation(uint64_t number, std::string cause, std::shared_ptr<const config::Config> config,
                       std::map<std::string, States, std::less<>> states, unsigned workers)
    : number_(number),
      cause_(std::move(cause)),
      config_(std::move(config)),
      states_(std::move(states)),
      routes_(config_->routes),
      gates_(workers) {
  rules_.reserve(config_->routes.size());
  for (const auto& route : config_->routes) {
    rules_.push_back({.request = made_ready(route.request_fields, config_->forwarding.via),
                      .response = made_ready(route.response_fields, config_->forwarding.via),
                      .path = PathRewrite(route)});
  }
}

const Generation::States& Generation::states(std::string_view pool) const {
  const auto found = states_.find(pool);
  CHECK(found != states_.end());
  return found->second;
}

size_t Generation::in_flight() const {
  size_t sum = 0;
  for (const auto& worker : gates_) sum += worker.gate.inside();
  return sum;
}

}  // namespace sluice::proxy
