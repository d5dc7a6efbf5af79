// A running proxy, and a real new process that speaks to it through a relay.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "fixtures.h"
#include "raw_client.h"
#include "takeover_relay.h"

#include <doctest/doctest.h>

namespace sluice::e2e {

using From = TakeoverRelay::From;

/// Clients that wait for an answer.
inline std::vector<RawClient> ask_many(int port, size_t count) {
  std::vector<RawClient> clients(count);
  for (auto& client : clients) {
    REQUIRE(client.connect(port));
    REQUIRE(client.send(get_request("/hello")));
  }
  return clients;
}

struct Between {
  /// `more` stands in the server table.
  explicit Between(const std::string& more = "")
      : proxy(Proxy::pool({&app}), Proxy::StateFile::kept),
        relay(directory.path("relay.sock"), proxy.socket_path()) {
    if (!more.empty()) {
      proxy.add_to_server_table(more);
      proxy.write_config(Proxy::pool({&app}));
      REQUIRE(proxy.admin("reload").exit_code == 0);
    }
    REQUIRE(proxy.wait_for_healthy(1));
    port = proxy.port();
  }

  /// Starts the new process, and returns once this message of the conversation is on its way.
  void start_until(From from, const std::string& kind) {
    relay.hold(from, kind);
    successor.emplace(std::vector<std::string>{sluice_binary(), "run", "-c", proxy.config_path(),
                                               "--takeover=" + directory.path("relay.sock")},
                      directory.path("successor"));
    REQUIRE(eventually([&] { return relay.is_holding(); }));
  }
  bool successor_says(const std::string& text) const {
    return eventually([&] { return successor->output().find(text) != std::string::npos; });
  }
  bool old_one_says(const std::string& text) const {
    return eventually([&] { return proxy.log().find(text) != std::string::npos; });
  }
  /// It crashes, and what it has said last is lost with it.
  void lose_successor() {
    successor->send_signal(SIGKILL);
    successor->wait();
    relay.hang_up();
  }
  void end_successor() {
    successor->send_signal(SIGTERM);
    successor->wait();
  }

  DemoApp app;
  Proxy proxy;
  TempDir directory;
  TakeoverRelay relay;
  std::optional<Child> successor;
  int port = 0;
};

}  // namespace sluice::e2e
