#include <sluice/proxy/generation.h>

#include <utility>

namespace sluice::proxy {

Generation::Generation(uint64_t number, std::string cause, std::shared_ptr<const config::Config> config,
                       std::map<std::string, States, std::less<>> states, unsigned workers)
    : number_(number),
      cause_(std::move(cause)),
      config_(std::move(config)),
      states_(std::move(states)),
      routes_(config_->routes),
      gates_(workers) {}

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
