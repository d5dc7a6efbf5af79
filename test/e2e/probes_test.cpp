// What the real binary asks of backends, in each of its ways, and what it says of the answers.
#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool_of(const DemoApp& app, const std::string& health) {
  return "[pool.shop]\nbackends = [\"" + app.address() + "\"]\nhealth = { interval = \"50ms\", fall = 1, " +
         health + " }\n";
}

std::string state(const Proxy& proxy) {
  return proxy.json("backend list")["backends"][0]["state"].get<std::string>();
}
std::string cause(const Proxy& proxy) {
  return proxy.json("backend list")["backends"][0]["cause"].get<std::string>();
}
bool becomes(const Proxy& proxy, const std::string& wanted) {
  return eventually([&] { return state(proxy) == wanted; });
}

TEST_CASE("a probe's answer is judged by a range of statuses and by its body") {
  const DemoApp app;
  const Proxy range(pool_of(app, "path = \"/status/302\", expect = [204, \"300-399\"]"));
  CHECK(becomes(range, "healthy"));
  const Proxy other(pool_of(app, "path = \"/status/302\", expect = \"200-299\""));
  CHECK(becomes(other, "down"));
  CHECK(cause(other).starts_with("GET /status/302: 302, expected "));
  const Proxy body(pool_of(app, "path = \"/hello\", body = \"Hello World\""));
  CHECK(becomes(body, "healthy"));
  const Proxy streamed(pool_of(app, "path = \"/stream/3/1\", body = \"Goodbye\""));
  CHECK(becomes(streamed, "down"));
  CHECK(cause(streamed) == "GET /stream/3/1: the body has no \"Goodbye\"");
  const Proxy draining(pool_of(app, "path = \"/status/503\", expect = \"200-599\""));
  CHECK(becomes(draining, "draining"));
}

TEST_CASE("a probe of a connection alone passes whatever would be answered [tsan]") {
  DemoApp app;
  app.set_ping("hang");
  const Proxy proxy(pool_of(app, "type = \"tcp\""));
  CHECK(becomes(proxy, "healthy"));
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  app.kill();
  CHECK(becomes(proxy, "down"));
  CHECK(cause(proxy) == "connection refused");
}

TEST_CASE("backends that take no client without a PROXY header are healthy where the pool sends one") {
  const DemoApp app;
  const Proxy inner("[[listener]]\nname = \"pp\"\nbind = \"0.0.0.0:0\"\nproxy_protocol = true\n" +
                    Proxy::pool({&app}));
  REQUIRE(inner.wait_for_healthy(1));
  const std::string address = inner.address("pp");
  const auto pool = [&](const std::string& version) {
    return "[pool.shop]\nbackends = [\"127.0.0.1:" + address.substr(address.rfind(':') + 1) +
           "\"]\nhealth = { path = \"/hello\", interval = \"50ms\", fall = 1 }\nproxy_protocol = \"" +
           version + "\"\n";
  };
  Proxy outer(pool("none"));
  CHECK(becomes(outer, "down"));
  for (const std::string version : {"v1", "v2"}) {
    outer.write_config(pool("none"));
    REQUIRE(outer.admin("reload").exit_code == 0);
    REQUIRE(becomes(outer, "down"));
    outer.write_config(pool(version));
    REQUIRE(outer.admin("reload").exit_code == 0);
    CHECK(becomes(outer, "healthy"));
    CHECK(RawClient(outer.port()).get("/hello").ok());
  }
}

/// A TLS server of another make, on a port of the kernel's choice, whose certificate is its own authority.
class OpensslServer {
 public:
  explicit OpensslServer(const std::string& names) {
    const auto made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-keyout", directory_.path("key.pem"), "-out", certificate(), "-days",
                           "2", "-subj", "/CN=test", "-addext", "subjectAltName=" + names});
    if (made.exit_code != 0) throw std::runtime_error("no certificate: " + made.output);
    process_ = std::make_unique<Child>(
        std::vector<std::string>{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate(),
                                 "-key", directory_.path("key.pem"), "-www"},
        directory_.path("output"));
    const std::string before = "ACCEPT 127.0.0.1:";
    if (!eventually([&] {
          const std::string output = process_->output();
          const auto begin = output.find(before);
          if (begin == std::string::npos || output.find('\n', begin) == std::string::npos) return false;
          port_ = std::stoi(output.substr(begin + before.size()));
          return true;
        })) {
      throw std::runtime_error("no TLS server: " + process_->output());
    }
  }
  std::string certificate() const { return directory_.path("certificate.pem"); }
  std::string port() const { return std::to_string(port_); }

 private:
  TempDir directory_;
  std::unique_ptr<Child> process_;
  int port_ = 0;
};

std::string https_pool(const DemoApp& app, const OpensslServer& server, const std::string& tls) {
  return pool_of(app, "type = \"https\", path = \"/\", timeout = \"5s\", port = " + server.port() +
                          ", tls = { " + tls + " }");
}

TEST_CASE("an https probe believes a certificate of its authorities, for the right name, alone [tsan]") {
  const DemoApp app;
  const OpensslServer server("IP:127.0.0.1,DNS:shop.example");
  const std::string ca = "ca = \"" + server.certificate() + "\"";
  Proxy proxy(https_pool(app, server, ca));
  CHECK(becomes(proxy, "healthy"));
  CHECK(RawClient(proxy.port()).get("/hello").ok());

  const auto reload = [&](const std::string& tls) {
    proxy.write_config(https_pool(app, server, tls));
    return proxy.admin("reload");
  };
  CHECK(reload(ca + ", server_name = \"other.example\"").exit_code == 0);
  CHECK(becomes(proxy, "down"));
  CHECK(cause(proxy) == "the certificate is for another name than other.example");
  CHECK(reload(ca + ", server_name = \"shop.example\"").exit_code == 0);
  CHECK(becomes(proxy, "healthy"));
  CHECK(reload("").exit_code == 0);
  CHECK(becomes(proxy, "down"));
  CHECK(cause(proxy) == "the certificate is its own authority, and not a known one");
  CHECK(reload("verify = false").exit_code == 0);
  CHECK(becomes(proxy, "healthy"));
}

TEST_CASE("an https probe of a backend that speaks no TLS fails and says so") {
  const DemoApp app;
  const Proxy proxy(pool_of(app, "type = \"https\", tls = { verify = false }"));
  CHECK(becomes(proxy, "down"));
  CHECK(cause(proxy) == "no TLS is spoken there");
}

TEST_CASE("a file of authorities that is damaged changes nothing, and is told with its place") {
  const DemoApp app;
  const OpensslServer server("IP:127.0.0.1");
  const TempDir directory;
  const std::string copy = directory.path("ca.pem");
  const std::string good = read_file(server.certificate());
  write_file(copy, good);
  Proxy proxy(https_pool(app, server, "ca = \"" + copy + "\""));
  CHECK(becomes(proxy, "healthy"));
  const int before = proxy.json("status")["generation"].get<int>();

  write_file(copy, good.substr(0, good.size() / 2));
  const std::string told =
      "pool.shop.health.tls.ca: cannot use \"" + copy + "\": certificate 1 in it is damaged: ";
  for (const std::string command : {"reload", "config check"}) {
    const Finished refused = proxy.admin(command);
    CHECK(refused.exit_code == 3);
    CHECK(refused.output.find(told) != std::string::npos);
    CHECK(refused.output.find("sluice.toml:") != std::string::npos);
  }
  const Finished check = run({sluice_binary(), "check", "-c", proxy.config_path()});
  CHECK(check.exit_code == 3);
  CHECK(check.output.find(told) != std::string::npos);
  CHECK(proxy.json("status")["generation"] == before);
  CHECK(state(proxy) == "healthy");
  write_file(copy, good + good);
  const Finished taken = proxy.admin("reload");
  CHECK(taken.exit_code == 0);
  CHECK(taken.output.find("health.tls.ca has other certificates") != std::string::npos);
  CHECK(becomes(proxy, "healthy"));
}

TEST_CASE("a new backend is left alone for its initial delay, a known one is not [tsan]") {
  const DemoApp one;
  const DemoApp two;
  const std::string delayed = ", initial_delay = \"10m\"";
  Proxy proxy(pool_of(one, "rise = 1"));
  REQUIRE(proxy.wait_for_healthy(1));
  proxy.write_config(pool_of(one, "rise = 1" + delayed));
  CHECK(proxy.admin("reload").exit_code == 0);
  CHECK(state(proxy) == "healthy");
  const auto made = [&] { return proxy.json("status")["probes"]["made"].get<int>(); };
  const int before = made();
  CHECK(eventually([&] { return made() > before; }));
  CHECK(proxy.admin("backend add shop " + two.address()).exit_code == 0);
  const int then = made();
  CHECK(eventually([&] { return made() > then + 5; }));
  CHECK(proxy.state_of(one) == "healthy");
  CHECK(proxy.state_of(two) == "starting");
}

TEST_CASE("what a process before has waited for is not waited for again after an upgrade") {
  const DemoApp app;
  Proxy proxy(pool_of(app, "initial_delay = \"10m\""));
  const Successors successors(proxy);
  CHECK(state(proxy) == "starting");
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(becomes(proxy, "healthy"));
}

TEST_CASE("status tells how far probes keep up") {
  const DemoApp app;
  const Proxy proxy(pool_of(app, "rise = 1"));
  REQUIRE(proxy.wait_for_healthy(1));
  CHECK(eventually([&] { return proxy.json("status")["probes"]["made"] > 3; }));
  const auto probes = proxy.json("status")["probes"];
  CHECK(probes["waiting"] == 0);
  CHECK(probes["under_way"] <= 1);
  const std::string text = proxy.admin("status").output;
  CHECK(text.find("\nprobes made=") != std::string::npos);
  CHECK(text.find(" waiting=0 late_ms=") != std::string::npos);
}

TEST_CASE("of three hundred backends that hang 256 are asked at a time, and the next ones have their turn") {
  const DemoApp hanging({.host = "0.0.0.0"});  // All of 127.0.0.0/8.
  hanging.set_ping("hang");
  const DemoApp healthy;
  std::string list;
  for (int i = 1; i <= 300; ++i) {
    list += "\"127.0." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + ":" +
            std::to_string(hanging.port()) + "\", ";
  }
  const Proxy proxy("[pool.a]\nbackends = [" + list +
                    "]\nhealth = { timeout = \"2s\" }\n[pool.b]\nbackends = [\"" + healthy.address() +
                    "\"]\n[[route]]\npool = \"b\"\n");
  CHECK(eventually([&] {
    const auto probes = proxy.json("status")["probes"];
    return probes["under_way"] == 256 && probes["waiting"] > 0 && probes["late_ms"] > 0;
  }));
  CHECK(eventually([&] { return proxy.json("backend list b")["backends"][0]["state"] == "healthy"; }));
  CHECK(RawClient(proxy.port()).get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
