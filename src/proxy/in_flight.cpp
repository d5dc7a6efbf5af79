#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/local_generation.h>

#include <algorithm>
#include <utility>

#include "proxy/trust.h"

namespace sluice::proxy {

using observe::Cause;
using observe::Event;

void InFlight::begin(ExchangeContext& the_context, wire::ServerStream& the_client, LocalGeneration& newest,
                     unsigned worker) {
  context = &the_context;
  client = &the_client;
  generation = &newest;
  pass = newest.shared->gate(worker).enter();
  number = newest.shared->number();
}

void InFlight::follow(size_t index) {
  route = &config().routes[index];
  rules = &generation->shared->rules(index);
}

void InFlight::outlive_generation(LocalGeneration& newest, unsigned worker) {
  if (route != nullptr && !kept_rules) {
    kept_rules = std::make_unique<KeptRules>(*route, rules == nullptr ? RouteRules() : *rules);
    route = &kept_rules->route;
    rules = &kept_rules->rules;
  }
  generation = &newest;
  pass = newest.shared->gate(worker).enter();
}

void InFlight::identify() {
  is_trusted_client = is_trusted(config().forwarding, client->client().address);
  choose_request_id();
}

void InFlight::choose_request_id() {
  if (!config().forwarding.say_request_id) return;
  if (is_trusted_client) request_id = client->request().find(http::FieldName::x_request_id);
  if (request_id.empty()) request_id = context->ids.make(made_id);
}

void InFlight::take_request_id(std::string_view id) {
  request_id = client->request().find(http::FieldName::x_request_id);
  if (request_id != id) request_id = {made_id.data(), id.copy(made_id.data(), made_id.size())};
}

const config::Config& InFlight::config() const {
  return generation->shared->config();
}

observe::Tally& InFlight::tally(std::string_view version) const {
  return context->counters.tallies.of(pool->name(), version);
}

void InFlight::note_attempt(Cause why, int received_status) {
  trace.attempt_ends(backend, why, received_status, sent_at, context->deadlines.clock().now());
}

void InFlight::note_retry(Cause why, std::string_view version) {
  failed_at = &tally(version);
  failed_by = why;
}

void InFlight::count_retry() {
  std::exchange(failed_at, nullptr)->add(Event::retried, failed_by);
  context->counters.retries.add();
}

void InFlight::wait_over(Cause why, std::string_view version) {
  trace.wait_ends(context->deadlines.clock().now());
  tally(version).add(Event::held, why);
}

size_t InFlight::attempts_begun() const {
  return std::max<size_t>(attempts, trace.count() + (trace.is_under_way() ? 1 : 0));
}

void InFlight::clear() {
  listener = nullptr;
  pool.reset();
  settings.reset();
  route = nullptr;
  rules = nullptr;
  kept_rules.reset();
  trace.clear();
  request_id = {};
  cause = {};
  attempts = 0;
  waited = {};
  sent = received = 0;
  status = 0;
  refused.clear();
  failed_at = nullptr;
  was_tried = is_trusted_client = has_ended = false;
  pass.reset();  // Last: the generation may end with it.
}

}  // namespace sluice::proxy
