// Logins that hold for a backend's connection: no other client gets the connection, and its client gets it
// again.
#include <string>
#include <thread>
#include <vector>

#include "fixtures.h"
#include "login_origin.h"
#include "raw_client.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// One worker: every client could get every connection.
constexpr int kOneWorker = 1;

/// The status, or the name that the backend takes the client for.
std::string ask(RawClient& client, const std::string& authorization = "", const std::string& path = "/") {
  const std::string field = authorization.empty() ? "" : "Authorization: " + authorization + "\r\n";
  client.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n" + field + "\r\n");
  const Response response = client.receive();
  return response.ok() ? response.body : std::to_string(response.status);
}

void log_in(RawClient& client, const std::string& name, const std::string& scheme = "NTLM") {
  REQUIRE(ask(client, scheme + " TYPE1") == "401");
  REQUIRE(ask(client, scheme + " TYPE3 " + name) == name);
}

RawClient logged_in(const Proxy& proxy, const std::string& name) {
  RawClient client(proxy.port());
  log_in(client, name);
  return client;
}

/// [pool.shop] over both, without probes.
std::string pool_of_both(const LoginOrigin& one, const LoginOrigin& two, const std::string& more = "") {
  return "[pool.shop]\nhealth = false\nbackends = [\"" + one.address() + "\", \"" + two.address() + "\"]\n" +
         more;
}

TEST_CASE("a login is its client connection's alone, and ends with it") {
  const LoginOrigin origin;
  const Proxy proxy(origin.pool(), kOneWorker);
  for (const char* scheme : {"NTLM", "Negotiate", "nTlM", "NEGOTIATE"}) {
    CAPTURE(scheme);
    RawClient alice(proxy.port());
    CHECK(ask(alice) == "401");
    log_in(alice, "alice", scheme);
    RawClient mallory(proxy.port());
    CHECK(ask(mallory) == "401");
    CHECK(ask(mallory, "", "/open") == "anonymous");
    CHECK(ask(alice) == "alice");
    log_in(mallory, "mallory", scheme);
    CHECK(ask(alice) == "alice");
    CHECK(ask(mallory) == "mallory");
    alice.close();
    mallory.close();
    CHECK(eventually([&] { return origin.logged_in() == 0; }));
    RawClient late(proxy.port());
    CHECK(ask(late, "", "/open") == "anonymous");
  }
}

TEST_CASE("requests of others between the steps of a login do not break it") {
  const LoginOrigin origin("WWW-Authenticate: Basic realm=\"a, b\", negotiate\r\nWWW-Authenticate: ntlm\r\n");
  const Proxy proxy(origin.pool(), kOneWorker);
  RawClient alice(proxy.port());
  RawClient other(proxy.port());
  CHECK(ask(alice) == "401");
  CHECK(ask(other, "", "/open") == "anonymous");
  CHECK(ask(alice, "NTLM TYPE1") == "401");
  CHECK(ask(other, "", "/open") == "anonymous");
  CHECK(ask(other) == "401");
  CHECK(ask(alice, "NTLM TYPE3 alice") == "alice");
  CHECK(ask(other, "", "/open") == "anonymous");
  CHECK(ask(alice) == "alice");
}

uint64_t retries(const Proxy& proxy) {
  return proxy.json("status")["retries"].get<uint64_t>();
}

TEST_CASE("what belongs to a login is never sent to a second backend as well, whatever takes long") {
  LoginOrigin origin;
  LoginOrigin second;
  const Proxy proxy(pool_of_both(origin, second, "retry = { hedge = \"1ms\" }\n"), kOneWorker);
  origin.set_delay(40ms);
  second.set_delay(40ms);
  RawClient alice(proxy.port());
  for (const char* scheme : {"NTLM", "Negotiate"}) {
    log_in(alice, "alice", scheme);
    for (int i = 0; i < 5; ++i) CHECK(ask(alice) == "alice");
    CHECK(retries(proxy) == 0);
    CHECK(origin.logged_in() + second.logged_in() == 1);
  }
  RawClient other(proxy.port());  // Whose requests are.
  CHECK(eventually([&] { return ask(other, "", "/open") == "anonymous" && retries(proxy) > 0; }));
  const uint64_t before = retries(proxy);
  for (int i = 0; i < 3; ++i) CHECK(ask(alice) == "alice");
  CHECK(retries(proxy) == before);
}

TEST_CASE(
    "a request that is sent again since its login's connection ended is anonymous, and not another "
    "client's") {
  const LoginOrigin origin;
  const Proxy proxy(origin.pool(), kOneWorker);
  RawClient alice = logged_in(proxy, "alice");
  RawClient bob = logged_in(proxy, "bob");
  CHECK(ask(alice, "", "/cut") == "anonymous");
  CHECK(retries(proxy) == 1);
  CHECK(origin.logged_in() == 1);
  CHECK(ask(alice) == "401");
  CHECK(ask(bob) == "bob");
  log_in(alice, "alice");
  CHECK(ask(alice) == "alice");
  CHECK(ask(bob) == "bob");
}

TEST_CASE("bounds on a backend's requests and splits keep a login where it is") {
  const LoginOrigin origin;
  const LoginOrigin second;
  const std::string split = origin.pool() + "[pool.next]\nbackends = [\"" + second.address() +
                            "\"]\nhealth = false\n" + "[[route]]\npool = { shop = 1, next = 1 }\n";
  const std::string bounded = "[pool.shop]\nhealth = false\nbackends = [{ address = \"" + origin.address() +
                              "\", max_requests = 1 }]\n";
  for (const std::string& toml : {split, bounded}) {
    CAPTURE(toml);
    const Proxy proxy(toml, kOneWorker);
    RawClient alice = logged_in(proxy, "alice");
    RawClient mallory(proxy.port());
    for (int i = 0; i < 10; ++i) {
      CHECK(ask(mallory, "", "/open") == "anonymous");
      CHECK(ask(alice) == "alice");
    }
  }
}

TEST_CASE(
    "several clients of several workers, with retries and hedges, are each taken for themselves alone") {
  LoginOrigin origin;
  LoginOrigin second;
  const Proxy proxy(pool_of_both(origin, second, "retry = { attempts = 3, hedge = \"1ms\" }\n"), 3);
  origin.set_delay(10ms);
  second.set_delay(10ms);
  const std::vector<std::string> names = {"alice", "bob", "carol", "dave"};
  std::vector<RawClient> clients = connect_many(proxy.port(), names.size());
  for (size_t i = 0; i < names.size(); ++i) CHECK(ask(clients[i], "NTLM TYPE1") == "401");
  for (size_t i = 0; i < names.size(); ++i) CHECK(ask(clients[i], "NTLM TYPE3 " + names[i]) == names[i]);
  RawClient other(proxy.port());
  for (int round = 0; round < 20; ++round) {
    for (size_t i = 0; i < names.size(); ++i) CHECK(ask(clients[i]) == names[i]);
    CHECK(ask(other, "", "/open") == "anonymous");
  }
  CHECK(retries(proxy) > 0);
}

TEST_CASE("a POST is not lost to a login's connection that its backend is about to close: it gets a 401") {
  const LoginOrigin origin("WWW-Authenticate: NTLM\r\nKeep-Alive: timeout=1\r\n");
  const Proxy proxy(origin.pool(), kOneWorker);
  RawClient first(proxy.port());
  CHECK(ask(first) == "401");  // It brings the Keep-Alive.
  RawClient alice = logged_in(proxy, "alice");
  RawClient bob = logged_in(proxy, "bob");
  CHECK(bob.post("/", "").body == "bob");
  std::this_thread::sleep_for(800ms);  // Idle for most of that second.
  CHECK(ask(alice) == "alice");        // It would be sent again.
  CHECK(bob.post("/", "").status == 401);
  log_in(bob, "bob");
  CHECK(bob.post("/", "").body == "bob");
}

TEST_CASE("a login does not go to the clients of another process in a takeover") {
  const LoginOrigin origin;
  Proxy proxy(origin.pool(), kOneWorker);
  const Successors successors(proxy);
  RawClient alice = logged_in(proxy, "alice");
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  RawClient mallory(proxy.port());
  CHECK(ask(mallory, "", "/open") == "anonymous");
  const std::string now = ask(alice);
  CHECK((now == "alice" || now == "401"));
  log_in(alice, "alice");
  CHECK(ask(alice) == "alice");
  CHECK(ask(mallory, "", "/open") == "anonymous");
}

/// Each is asked on, is taken for itself or is anonymous, and can log in again.
void check_own_logins(std::vector<RawClient>& clients, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string now = ask(clients[i]);
    CHECK_MESSAGE((now == names[i] || now == "401"), now);
  }
  for (size_t i = 0; i < names.size(); ++i) log_in(clients[i], names[i]);
  for (size_t i = 0; i < names.size(); ++i) CHECK(ask(clients[i]) == names[i]);
}

TEST_CASE("a login does not go to other clients when its connection moves to another worker") {
  const LoginOrigin origin;
  Proxy proxy(origin.pool(), 4);
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
  std::vector<RawClient> clients = connect_many(proxy.port(), names.size());
  for (size_t i = 0; i < names.size(); ++i) log_in(clients[i], names[i]);
  std::vector<RawClient> others = connect_many(proxy.port(), 4);
  for (const char* workers : {"1", "3", "1"}) {
    proxy.set_in_server_table("workers", workers);
    proxy.write_config(origin.pool());
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(eventually([&] { return proxy.json("status")["leaving_workers"] == 0; }));
    for (RawClient& other : others) CHECK(ask(other, "", "/open") == "anonymous");
    check_own_logins(clients, names);
    for (RawClient& other : others) CHECK(ask(other, "", "/open") == "anonymous");
    CHECK(origin.logged_in() == names.size());
  }
}

TEST_CASE("a login does not go to other clients on the way back of a probation") {
  const LoginOrigin origin;
  Proxy proxy(origin.pool(), Proxy::StateFile::kept, kOneWorker);
  proxy.add_to_server_table("probation = \"1m\"");
  proxy.write_config(origin.pool());
  const Successors successors(proxy);
  const std::vector<std::string> names = {"alice", "bob"};
  std::vector<RawClient> clients = connect_many(proxy.port(), names.size());
  for (size_t i = 0; i < names.size(); ++i) log_in(clients[i], names[i]);
  RawClient other(proxy.port());
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(ask(other, "", "/open") == "anonymous");
  check_own_logins(clients, names);
  REQUIRE(proxy.admin("upgrade --back").exit_code == 0);
  REQUIRE(eventually([&] { return pid_of(proxy) == proxy.process().pid(); }));
  CHECK(ask(other, "", "/open") == "anonymous");
  check_own_logins(clients, names);
  CHECK(ask(other, "", "/open") == "anonymous");
}

TEST_CASE("a backend that drains closes the connections of logins that rest") {
  const LoginOrigin origin;
  const LoginOrigin second;
  const Proxy proxy(pool_of_both(origin, second), kOneWorker);
  RawClient alice = logged_in(proxy, "alice");
  const bool is_first = origin.logged_in() == 1;
  const LoginOrigin& hers = is_first ? origin : second;
  REQUIRE(proxy.admin("backend drain shop " + hers.address()).exit_code == 0);
  CHECK(eventually([&] { return hers.logged_in() == 0; }));
  CHECK(ask(alice, "", "/open") == "anonymous");
  log_in(alice, "alice");
  CHECK(ask(alice) == "alice");
}

TEST_CASE("a request that waits for its login's backend may go to any once that connection has ended") {
  LoginOrigin origins[2];
  const auto backend = [](const LoginOrigin& origin) {
    return "{ address = \"" + origin.address() + "\", max_requests = 1 }";
  };
  const Proxy proxy("[pool.shop]\nhealth = false\nqueue = { timeout = \"10s\" }\nbackends = [" +
                        backend(origins[0]) + ", " + backend(origins[1]) + "]\n",
                    kOneWorker);
  RawClient alice = logged_in(proxy, "alice");
  const size_t number = origins[0].logged_in() == 1 ? 0 : 1;
  LoginOrigin& hers = origins[number];
  const LoginOrigin& other = origins[1 - number];
  RawClient one(proxy.port());
  REQUIRE(one.send(get_request("/hold")));
  REQUIRE(eventually([&] { return hers.held() + other.held() == 1; }));
  const bool is_one_at_hers = hers.held() == 1;
  RawClient two(proxy.port());
  REQUIRE(two.send(get_request("/hold")));
  REQUIRE(eventually([&] { return hers.held() == 1 && other.held() == 1; }));
  REQUIRE(alice.send(get_request("/open")));
  REQUIRE(eventually([&] { return proxy.json("pool show shop")["waiting"] == 1; }));
  hers.end_logins();
  REQUIRE(eventually([&] { return hers.logged_in() == 0; }));
  (is_one_at_hers ? two : one).close();
  CHECK(alice.receive().body == "anonymous");
  CHECK(hers.held() == 1);
}

}  // namespace
}  // namespace sluice::e2e
