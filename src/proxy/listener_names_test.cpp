// Names of listeners: kept while something uses them, and no longer.
#include "proxy/listener_names.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

config::Config listening(const std::string& address, const std::string& name) {
  config::Config config;
  config::Listener& listener = config.listeners.emplace_back();
  listener.name = name;
  listener.bind = *Address::parse(address);
  return config;
}

TEST_CASE("a listener has the name that the newest configuration gives it") {
  ListenerNames names;
  const ListenerName name = names.of("127.0.0.1:80");
  CHECK(*name == "127.0.0.1:80");
  names.update(listening("127.0.0.1:80", "web"));
  CHECK(*name == "web");
  names.update(listening("127.0.0.1:80", "shop"));
  CHECK(*name == "shop");
  CHECK(*names.of("127.0.0.1:80") == "shop");
}

TEST_CASE("names of listeners that are gone stay while connections use them, and go with the next update") {
  ListenerNames names;
  names.update(listening("127.0.0.1:80", "web"));
  ListenerName of_connection = names.of("127.0.0.1:80");
  for (int port = 81; port < 90; ++port) {
    names.update(listening("127.0.0.1:" + std::to_string(port), "other"));
    CHECK(names.size() == 2);
  }
  CHECK(*of_connection == "web");
  of_connection.reset();
  names.update(listening("127.0.0.1:89", "other"));
  CHECK(names.size() == 1);
}

}  // namespace
}  // namespace sluice::proxy
