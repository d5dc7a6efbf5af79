// [[listener]]: where clients are accepted. A listener's identity is the address as the file writes it.
#include <sluice/base/text.h>

#include <algorithm>

#include "config/parse.h"

namespace sluice::config {
namespace {

std::optional<Listener> parse_listener(Reader& reader) {
  Listener listener;
  reader.read("name", listener.name);
  const auto bind = reader.read_address("bind", "an address to listen on, such as \"0.0.0.0:8080\"");
  reader.read("proxy_protocol", listener.proxy_protocol);
  reader.not_yet("tls");
  reader.finish();
  if (!bind) return std::nullopt;
  const Place place = reader.place_of("bind");
  listener.bind = *bind;
  listener.where =
      concat({reader.report().file, ":", std::to_string(place.line), ":", std::to_string(place.column)});
  if (listener.name.empty()) listener.name = bind->text();
  return listener;
}

}  // namespace

void parse_listeners(Reader& root, std::vector<Listener>& listeners) {
  for (Reader& reader : root.tables("listener")) {
    auto listener = parse_listener(reader);
    if (!listener) continue;
    if (std::ranges::find(listeners, listener->bind, &Listener::bind) != listeners.end()) {
      reader.problem("bind", concat({"another listener is bound to ", listener->bind.text(), " already"}));
    } else if (std::ranges::find(listeners, listener->name, &Listener::name) != listeners.end()) {
      reader.problem("name", concat({"another listener is named \"", listener->name, "\" already"}));
    } else {
      listeners.push_back(*std::move(listener));
    }
  }
}

}  // namespace sluice::config
