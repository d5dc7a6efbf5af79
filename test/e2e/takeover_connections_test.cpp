// Client connections in a takeover: they go on in the new process, and no client can tell.
#include <sys/resource.h>

#include <algorithm>

#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"
#include "successors.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// As many as `wanted`, or as the limit of descriptors allows.
size_t connections_allowed(size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const size_t allowed = std::min(wanted, static_cast<size_t>(limit.rlim_max) - 500);
  if (allowed < wanted) MESSAGE("the hard limit of open files allows no more than ", allowed, " connections");
  return allowed;
}

void wait_until_accepted(const Proxy& proxy, size_t count) {
  REQUIRE(eventually([&] { return proxy.json("status")["connections"] == count; }));
}

struct Setup {
  explicit Setup(const std::string& more = "") : proxy(Proxy::pool({&app}) + more), successors(proxy) {
    REQUIRE(proxy.wait_for_healthy(1));
    port = proxy.port();
  }
  DemoApp app;
  Proxy proxy;
  Successors successors;
  int port = 0;
};

TEST_CASE("10,000 idle connections answer their next request in the new process, and the old one is gone") {
  Setup at;
  const size_t count = connections_allowed(under_sanitizer() ? 1000 : 10000);
  auto clients = connect_many(at.port, count);
  for (size_t i = 0; i < count; i += 3) REQUIRE(clients[i].get("/hello").ok());
  wait_until_accepted(at.proxy, count);
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  CHECK(at.proxy.process().wait() == 0);
  wait_until_accepted(at.proxy, count);
  CHECK(std::ranges::all_of(clients, [](const RawClient& client) { return client.is_open(); }));
  CHECK(count_alive(clients) == count);
  const auto status = at.proxy.json("status");
  CHECK(status["connections"] == count);
  CHECK(status["connections_accepted"] == count);
  CHECK(status["requests"]["ok"] == count + (count + 2) / 3);
  CHECK(status["requests"]["accepted"] == status["requests"]["ok"]);
}

TEST_CASE("the same connections, idle and busy, go through ten upgrades in a row") {
  Setup at;
  auto idle = connect_many(at.port, 100);
  LoopingClient gets(at.port, 4, get_request("/hello"));
  LoopingClient posts(at.port, 4, post_request("/echo", "once"));
  LoopingClient slow(at.port, 8, get_request("/slow/150"));
  for (int i = 0; i < 10; ++i) {
    const auto upgraded = at.proxy.admin("upgrade");
    REQUIRE_MESSAGE(upgraded.exit_code == 0, upgraded.output);
    if (i % 3 == 0) CHECK(count_alive(idle) == idle.size());
  }
  CHECK(count_alive(idle) == idle.size());
  for (auto* load : {&gets, &posts, &slow}) {
    load->stop();
    CHECK_MESSAGE(load->failed() == 0, load->first_failure());
    CHECK(load->told_to_close() == 0);
    CHECK(load->ok() > 8);
  }
  const auto is_alone = [&] { return at.successors.living() == std::vector{pid_of(at.proxy)}; };
  CHECK(eventually(is_alone));
  CHECK(at.proxy.json("status")["connections_accepted"] == 100 + 16);
}

TEST_CASE("a request that was half sent before the upgrade is answered after it, wherever it was cut") {
  Setup at;
  const std::string request = "\r\n" + post_request("/echo", "body");
  const size_t head_size = request.size() - 4;
  auto clients = connect_many(at.port, head_size);
  for (size_t cut = 0; cut < head_size; ++cut) REQUIRE(clients[cut].send(request.substr(0, cut)));
  wait_until_accepted(at.proxy, head_size);
  REQUIRE(RawClient(at.port).get("/hello").ok());  // What was sent before it has come.
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  CHECK(at.proxy.process().wait() == 0);
  for (size_t cut = 0; cut < head_size; ++cut) {
    CAPTURE(cut);
    REQUIRE(clients[cut].send(request.substr(cut)));
    const auto response = clients[cut].receive();
    CHECK(response.body == "body");
    CHECK_FALSE(says_close(response));
  }
}

TEST_CASE("the old process gives the answer it owes, and the new one those to what follows on the socket") {
  Setup at;
  RawClient plain(at.port);
  RawClient pipelining(at.port);
  REQUIRE(plain.send(get_request("/slow/1000")));
  REQUIRE(pipelining.send(get_request("/slow/1000") + get_request("/hello") + post_request("/echo", "x") +
                          "GET /hel"));
  REQUIRE(eventually(
      [&] { return at.proxy.json("generation list")["generations"][0]["in_flight"].get<int>() == 2; }));
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  CHECK(at.proxy.json("status")["predecessor"]["connections"] == 2);
  for (RawClient* client : {&plain, &pipelining}) {
    const auto answer = client->receive();
    CHECK(answer.body == "slow\n");
    CHECK_FALSE(says_close(answer));
  }
  CHECK(at.proxy.process().wait() == 0);
  CHECK(plain.get("/hello").body == "Hello World!\n");
  CHECK(pipelining.receive().body == "Hello World!\n");
  CHECK(pipelining.receive().body == "x");
  REQUIRE(pipelining.send("lo HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK(pipelining.receive().body == "Hello World!\n");
  CHECK(at.proxy.requests_ok() == 6);
}

TEST_CASE("what a connection was before it moved counts after it: whose it is, and its requests so far") {
  RecordingOrigin origin;
  Proxy proxy("proxy_protocol = true\n[limits]\nrequests_per_connection = 3\n" + origin.pool());
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string header = "PROXY TCP4 192.0.2.77 192.0.2.1 4711 80\r\n";
  RawClient whole(proxy.port());
  RawClient half(proxy.port());
  REQUIRE(whole.send(header));
  REQUIRE(whole.get("/1").ok());
  REQUIRE(whole.get("/2").ok());
  REQUIRE(half.send(header.substr(0, 20)));
  wait_until_accepted(proxy, 2);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  REQUIRE(proxy.process().wait() == 0);
  const auto last = whole.get("/3");
  CHECK(last.ok());
  CHECK(says_close(last));
  REQUIRE(half.send(header.substr(20)));
  CHECK(half.get("/4").ok());
  const auto requests = origin.requests();
  REQUIRE(requests.size() == 4);
  for (const auto& request : requests) {
    CHECK(values_of(request.fields, "x-forwarded-for") == std::vector<std::string>{"192.0.2.77"});
  }
}

TEST_CASE("clients of a Unix socket move, too") {
  const TempDir directory;
  const DemoApp app;
  Proxy proxy("[[listener]]\nname = \"local\"\nbind = \"unix:" + directory.path("web") + "\"\n" +
              Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const TakeoverPeer client(directory.path("web"), "GET /hello HTTP/1.1\r\nHost: h\r\n");
  wait_until_accepted(proxy, 1);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(proxy.process().wait() == 0);
  CHECK(client.send_bytes("\r\n"));
  CHECK(eventually([&] { return proxy.requests_ok() == 1; }));
}

/// What would be closed in silence would be within this time: rather less than it takes to be idle.
void check_all_stay(const std::vector<RawClient>& clients) {
  const auto all_stay = [&] {
    return std::ranges::all_of(clients, [](const auto& client) { return client.is_open(); });
  };
  CHECK_FALSE(eventually([&] { return !all_stay(); }, 2s));
}

/// Each is answered; to those that stay in the old process the answer says that they end.
size_t count_moved(std::vector<RawClient>& clients) {
  size_t moved = 0;
  for (auto& client : clients) {
    const auto response = client.get("/hello");
    CHECK(response.ok());
    if (!says_close(response)) ++moved;
  }
  return moved;
}

TEST_CASE("connections that the new process has no room for end politely in the old one") {
  Setup at;
  auto clients = connect_many(at.port, 50);
  wait_until_accepted(at.proxy, 50);
  at.proxy.add_to_server_table("max_connections = 20");
  at.proxy.write_config(Proxy::pool({&at.app}));
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  check_all_stay(clients);
  const size_t moved = count_moved(clients);
  CHECK(moved > 0);
  CHECK(moved <= 20);
  CHECK(at.proxy.process().wait() == 0);
}

TEST_CASE("connections for which the new process has no descriptors end politely in the old one") {
  Setup at;
  auto clients = connect_many(at.port, 100);
  wait_until_accepted(at.proxy, 100);
  const TempDir directory;
  // What one process may open, which no configuration says.
  Child successor(
      {"sh", "-c",
       "ulimit -n 80 && exec " + sluice_binary() + " run -c " + at.proxy.config_path() + " --takeover"},
      directory.path("successor"));
  REQUIRE(eventually([&] { return pid_of(at.proxy) == successor.pid(); }));
  check_all_stay(clients);
  CHECK(successor.descriptors() < 66);  // The last quarter is for backends, probes and commands.
  const size_t moved = count_moved(clients);
  CHECK(moved > 0);
  CHECK(moved < 60);
  CHECK(at.proxy.process().wait() == 0);
  CHECK(RawClient(at.port).get("/hello").ok());
  CHECK(at.proxy.state_of(at.app) == "healthy");
}

// ---- with the new process played by the test

/// A takeover up to the moment at which connections come.
struct Successor {
  explicit Successor(const Setup& at, int room = 100) : peer(at.proxy.socket_path()) {
    peer.say(TakeoverPeer::hello(2));
    REQUIRE(peer.hear_until("state"));
    peer.say(TakeoverPeer::ready(room));
    REQUIRE(peer.hear_until("yours"));
  }
  TakeoverPeer peer;
};

TEST_CASE(
    "a connection is the old process's until the new one says that it has it, and its alone from then on") {
  Setup at;
  RawClient told(at.port);
  REQUIRE(told.send("GET /hello HT"));
  RawClient refused(at.port);
  REQUIRE(refused.get("/hello").ok());
  RawClient untold(at.port);
  REQUIRE(untold.send(get_request("/slow/700")));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 2; }));
  std::optional<Successor> successor(std::in_place, at);

  for (size_t seen = 0; seen < 2;) {
    const auto given = successor->peer.hear_until("connections");
    REQUIRE(given);
    auto back = json::Value::array();
    const auto& connections = (*given)["connections"];
    for (size_t i = 0; i < connections.size(); ++i) {
      if (connections[i]["bytes"] != 13) back.push_back(i);
    }
    seen += connections.size();
    successor->peer.say({{"message", "taken"}, {"refused", back}, {"room", 100}});
  }
  CHECK(successor->peer.descriptors().numbers().size() ==
        3 + 2);  // Behind two listening sockets and the admin's.
  const auto answer = refused.get("/hello");
  CHECK(answer.ok());
  CHECK(says_close(answer));

  REQUIRE(
      successor->peer.hear_until("connections"));  // The slow one, once it is answered; and no word about it.
  CHECK(untold.receive().body == "slow\n");
  successor.reset();
  CHECK_FALSE(told.is_open());  // It died with the process whose it was.
  const auto last = untold.get("/hello");
  CHECK(last.ok());
  CHECK(says_close(last));
  CHECK(at.proxy.process().wait() == 0);
}

/// With an answer to every request, the last of which says so. Until the old process has noticed that the new
/// one is dead, connections may yet move, and are not closed.
bool ends_politely(RawClient& client) {
  Response response;
  return eventually([&] { return !(response = client.get("/hello")).ok() || says_close(response); }) &&
         response.ok();
}

TEST_CASE("a new process that dies at once leaves every connection to the old one's polite end") {
  Setup at;
  auto clients = connect_many(at.port, 300);
  wait_until_accepted(at.proxy, 300);
  RawClient slow(at.port);
  REQUIRE(slow.send(get_request("/slow/500")));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  { const Successor successor(at); }
  CHECK(std::ranges::all_of(clients, ends_politely));
  const auto last = slow.receive();
  CHECK(last.body == "slow\n");
  CHECK(says_close(last));
  CHECK(at.proxy.process().wait() == 0);
}

TEST_CASE("a new process of a release without it gets no connections, and they end politely") {
  Setup at;
  RawClient idle(at.port);
  REQUIRE(idle.get("/hello").ok());
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello(1));
  REQUIRE(peer.hear_until("state"));
  peer.say(TakeoverPeer::ready());
  REQUIRE(peer.hear_until("yours"));
  REQUIRE(peer.hear_until("yours"));  // By now it has done what it says.
  const auto response = idle.get("/hello");
  CHECK(response.ok());
  CHECK(says_close(response));
  CHECK_FALSE(peer.hear_until("connections"));
}

}  // namespace
}  // namespace sluice::e2e
