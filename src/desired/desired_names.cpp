// The names' part of the desired state: the backends that they lead to stand beside the file's own.
#include <sluice/desired/desired_state.h>

#include <algorithm>

namespace sluice::desired {
namespace {

config::Backend backend_at(const config::ResolvedAddress& place, const config::NamedBackends& named) {
  config::Backend backend = named.like;
  backend.address = place.address;
  backend.name = named.name.text();
  if (place.weight == 0) return backend;  // The records say nothing of it.
  backend.weight = place.weight;
  backend.priority = place.priority;
  return backend;
}

}  // namespace

void DesiredState::add_named_backends() {
  file_ = written_;
  std::shared_ptr<config::Config> expanded;
  for (const auto& [pool_name, written] : written_->pools) {
    if (written->names.empty()) continue;
    auto pool = std::make_shared<config::Pool>(*written);
    for (const auto& named : written->names) {
      const auto places = places_.find(named.name.text());
      if (places == places_.end()) continue;
      for (const auto& place : places->second) {
        const auto same = std::ranges::find(pool->backends, place.address, &config::Backend::address);
        if (same == pool->backends.end()) pool->backends.push_back(backend_at(place, named));
      }
    }
    if (!expanded) expanded = std::make_shared<config::Config>(*written_);
    expanded->pools[pool_name] = std::move(pool);
  }
  if (expanded) file_ = std::move(expanded);
}

bool DesiredState::resolve(config::ResolvedNames places) {
  const auto before = file_;
  places_ = std::move(places);
  add_named_backends();
  for (const auto& [name, pool] : file_->pools) {
    if (*pool != *before->pools.at(name)) return true;
  }
  return false;
}

}  // namespace sluice::desired
