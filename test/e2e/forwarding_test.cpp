// What backends and logs learn about a client, and what routes do to heads.
#include <csignal>
#include <sstream>

#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string value_of(const RecordingOrigin& origin, const std::string& name) {
  const auto requests = origin.requests();
  if (requests.empty()) return "no request";
  const auto values = values_of(requests.back().fields, name);
  return values.empty() ? "none" : values.size() > 1 ? "several" : values.front();
}

std::string request(const std::string& fields) {
  return "GET /x HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n";
}

TEST_CASE("only a trusted proxy's word on the client goes on to the backend") {
  const std::string theirs =
      "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Request-Id: theirs\r\nForwarded: "
      "for=6.6.6.6\r\n";
  for (const bool trusted : {false, true}) {
    CAPTURE(trusted);
    RecordingOrigin origin;
    const std::string forwarding = std::string("[forwarding]\nforwarded = true\n") +
                                   (trusted ? "trusted_proxies = [\"127.0.0.0/8\"]\n" : "");
    Proxy proxy(origin.pool() + forwarding);
    REQUIRE(proxy.wait_for_healthy(1));
    RawClient client(proxy.port());
    REQUIRE(client.send(request(theirs)));
    REQUIRE(client.receive().ok());
    CHECK(value_of(origin, "X-Forwarded-For") == (trusted ? "6.6.6.6, 127.0.0.1" : "127.0.0.1"));
    CHECK(value_of(origin, "X-Forwarded-Proto") == (trusted ? "https" : "http"));
    CHECK(value_of(origin, "X-Forwarded-Host") == "shop.example");
    CHECK(value_of(origin, "X-Forwarded-Port") == std::to_string(proxy.port()));
    const std::string ours = "for=127.0.0.1;host=shop.example;proto=http";
    CHECK(value_of(origin, "Forwarded") == (trusted ? "for=6.6.6.6, " + ours : ours));
    const auto id = value_of(origin, "X-Request-Id");
    CHECK((trusted ? id == "theirs" : id.size() == 32));
  }
}

TEST_CASE("a reload changes the name in Via, of requests and responses, and takes Via away") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  const auto check = [&](const std::string& via, const std::string& expected) {
    CAPTURE(via);
    if (!via.empty()) {
      proxy.write_config(origin.pool() + "[forwarding]\nvia = " + via + "\n");
      CHECK(proxy.admin("reload").output.find("~ forwarding: via = " + via) != std::string::npos);
    }
    REQUIRE(client.send(request("")));
    const std::string head = client.receive().head;
    CHECK((head.find("\r\nVia: " + expected + "\r\n") != std::string::npos) == (expected != "none"));
    CHECK((head.find("\r\nVia:") != std::string::npos) == (expected != "none"));
    CHECK(value_of(origin, "Via") == expected);
  };
  check("", "1.1 sluice");
  check("\"edge.example:8443\"", "1.1 edge.example:8443");
  check("false", "none");
}

TEST_CASE(
    "a listener with proxy_protocol learns the client from the header, and takes no client without one") {
  RecordingOrigin origin;
  Proxy proxy("[[listener]]\nname = \"pp\"\nbind = \"0.0.0.0:0\"\nproxy_protocol = true\n\n" + origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string address = proxy.address("pp");
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  RawClient client(port);
  REQUIRE(client.send("PROXY TCP4 198.51.100.9 192.0.2.1 4000 443\r\n" + request("")));
  CHECK(client.receive().ok());
  CHECK(value_of(origin, "X-Forwarded-For") == "198.51.100.9");
  CHECK(value_of(origin, "X-Forwarded-Port") == "443");
  origin.forget();
  RawClient bare(port);
  REQUIRE(bare.send(request("")));
  CHECK(bare.receive().status == 0);
  CHECK(origin.requests().empty());
}

TEST_CASE("a client's connections are counted by the address that the PROXY header gives") {
  RecordingOrigin origin;
  const Proxy proxy("proxy_protocol = true\n" + origin.pool() + "[limits]\nconnections_per_client = 1\n");
  const auto ask = [&](const std::string& header) {
    RawClient client(proxy.port());
    client.send(header + get_request("/x"));
    return std::pair(client.receive().status, std::move(client));
  };
  const std::string from = "PROXY TCP4 198.51.100.";
  const std::string to = " 192.0.2.1 4000 443\r\n";
  auto first = ask(from + "9" + to);
  CHECK(first.first == 200);
  CHECK(ask(from + "8" + to).first == 200);
  const size_t before = origin.requests().size();
  CHECK(ask(from + "9" + to).first == 429);
  CHECK(origin.requests().size() == before);
  auto unknown = ask("PROXY UNKNOWN\r\n");  // The peer's own.
  CHECK(unknown.first == 200);
  CHECK(ask("PROXY UNKNOWN\r\n").first == 429);
  const std::string local("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);  // Version 2's, the same.
  CHECK(ask(local).first == 429);
  unknown.second.close();
  CHECK(eventually([&] { return ask(local).first == 200; }));
  first.second.close();
  CHECK(eventually([&] { return ask(from + "9" + to).first == 200; }));
}

TEST_CASE("a pool with proxy_protocol is told who the client is, on a connection of its own") {
  for (const std::string version : {"v1", "v2"}) {
    RecordingOrigin origin;
    Proxy proxy("[pool.shop]\nbackends = [\"" + origin.address() +
                "\"]\nhealth = false\nproxy_protocol = \"" + version + "\"\n");
    RawClient client(proxy.port());
    REQUIRE(client.send(request("")));
    const std::string start =
        version == "v1" ? "PROXY TCP4 127.0.0.1 127.0.0.1 " : std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
    CHECK(eventually([&] { return origin.bytes().starts_with(start); }));
  }
}

TEST_CASE("routes set, add and remove fields, name another host, and rewrite paths") {
  RecordingOrigin origin;
  origin.answer("/v2/x?q", {.bytes = "HTTP/1.1 200 OK\r\nServer: secret\r\nContent-Length: 2\r\n\r\nok"});
  Proxy proxy(
      origin.pool() +
      "[[route]]\npath = \"/api\"\npool = \"shop\"\nrewrite_path = \"/v2\"\nrewrite_host = \"inner:81\"\n"
      "request_fields = { set = { \"X-Env\" = \"prod\" }, remove = [\"Cookie\"] }\n"
      "response_fields = { remove = [\"server\"], add = { \"X-Served\" = \"yes\" } }\n");
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  REQUIRE(client.send("GET /api/x?q HTTP/1.1\r\nHost: h\r\nX-env: forged\r\nCookie: a=b\r\nB: 1\r\n\r\n"));
  const auto response = client.receive();
  CHECK(response.body == "ok");
  CHECK(response.head.find("secret") == std::string::npos);
  CHECK(response.head.find("X-Served: yes\r\n") != std::string::npos);
  REQUIRE(origin.requests().size() == 1);
  CHECK(origin.requests()[0].target == "/v2/x?q");
  CHECK(value_of(origin, "Host") == "inner:81");
  CHECK(value_of(origin, "X-Env") == "prod");
  CHECK(value_of(origin, "Cookie") == "none");
  CHECK(value_of(origin, "B") == "1");
}

TEST_CASE("a route that removes a field removes it from trailers, too, and rewrites no * of OPTIONS") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() +
              "[[route]]\npath = \"/\"\npool = \"shop\"\nrewrite_path = \"/v2\"\n"
              "request_fields = { remove = [\"X-User\"] }\nresponse_fields = { remove = [\"X-Debug\"] }\n");
  origin.answer(
      "/v2/t",
      {.bytes = "HTTP/1.1 103 Early Hints\r\nX-Debug: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\n\r\n0\r\nX-Debug: 2\r\nSum: 7\r\n\r\n"});
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(
      "POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: admin\r\nSum: 7\r\n\r\n"
      "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.receive_all();
  CHECK(all.find("Sum: 7\r\n") != std::string::npos);
  CHECK(all.find("X-Debug") == std::string::npos);
  CHECK(origin.bytes().find("Sum: 7\r\n") != std::string::npos);
  CHECK(origin.bytes().find("X-User") == std::string::npos);
  CHECK(origin.bytes().find("OPTIONS * HTTP/1.1\r\n") != std::string::npos);
}

TEST_CASE(
    "a fixed response on a path is a fence for every spelling of it, and what passes goes on as it came") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() +
              "[[route]]\npath = \"/private\"\nrespond = { status = 403 }\n"
              "[[route]]\npath = \"/raw\"\npath_match = \"raw\"\npool = \"shop\"\n"
              "[[route]]\npath = \"/api\"\nstrip_path = true\npool = \"shop\"\n[[route]]\npool = \"shop\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (const std::string target :
       {"/private", "/%70rivate", "//private", "/api/../private", "/./private?x", "/a/%2e%2E/private",
        "/raw/../private", "/api/../private/x", "http://shop.example//private"}) {
    CAPTURE(target);
    client.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.receive().status == 403);
  }
  CHECK(origin.requests().empty());
  const std::vector<std::pair<std::string, std::string>> passed = {{"/private%2Fx", "/private%2Fx"},
                                                                   {"/a//b/../%63?/../", "/a//b/../%63?/../"},
                                                                   {"/%61pi/x%20y?q", "/x%20y?q"},
                                                                   {"/private/../api/x/..", "/x/.."},
                                                                   {"/raw/../x%00", "/raw/../x%00"}};
  for (const auto& [target, expected] : passed) {
    client.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.receive().ok());
    CHECK(origin.requests().back().target == expected);
  }
  client.send("GET /x%00/x HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.receive().status == 400);
}

TEST_CASE("a rewritten path has no slash that was not written") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool() +
              "[[route]]\npath = \"/re\"\nrewrite_path = \"/v2\"\npool = \"shop\"\n"
              "[[route]]\nhost = \"root.example\"\nrewrite_path = \"/app\"\npool = \"shop\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  const std::vector<std::pair<std::string, std::string>> rewritten = {{"/re", "/v2"},
                                                                      {"/re?z=1", "/v2?z=1"},
                                                                      {"/re/", "/v2/"},
                                                                      {"http://h/re?", "/v2?"},
                                                                      {"http://root.example", "/app"},
                                                                      {"http://root.example?z=/", "/app?z=/"},
                                                                      {"http://root.example/../x", "/app/x"}};
  for (const auto& [target, expected] : rewritten) {
    CAPTURE(target);
    client.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client.receive().ok());
    CHECK(origin.requests().back().target == expected);
  }
  client.send("OPTIONS http://root.example HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.receive().ok());
  CHECK(origin.requests().back().target == "*");
}

TEST_CASE("redirects, fixed responses and error pages need no backend, and JSON is for who asks for it") {
  TempDir pages;
  write_file(pages.path("404.html"), "<h1>nowhere</h1>");
  Proxy proxy(
      "[[route]]\nhost = \"old.example\"\nredirect = { to = \"https://new.example{target}\", status = 301 }\n"
      "[[route]]\nhost = \"www.example\"\nredirect = { to = \"https://{host}{target}\" }\n"
      "[[route]]\npath = \"/robots.txt\"\nrespond = { body = \"none\\n\" }\n"
      "[errors]\n404 = \"" +
      pages.path("404.html") + "\"\n");
  RawClient client(proxy.port());
  client.send("GET /a?b HTTP/1.1\r\nHost: old.example\r\n\r\n");
  auto response = client.receive();
  CHECK(response.status == 301);
  CHECK(response.head.find("Location: https://new.example/a?b\r\n") != std::string::npos);
  client.send("GET /c HTTP/1.1\r\nHost: www.example:8080\r\n\r\n");
  response = client.receive();
  CHECK(response.status == 308);
  CHECK(response.head.find("Location: https://www.example/c\r\n") != std::string::npos);
  CHECK(client.get("/robots.txt").body == "none\n");
  response = client.get("/nothing");
  CHECK(response.status == 404);
  CHECK(response.body == "<h1>nowhere</h1>");
  CHECK(response.head.find("Content-Type: text/html") != std::string::npos);
  proxy.write_config("[[route]]\npath = \"/x\"\nrespond = { body = \"x\" }\n");
  REQUIRE(proxy.admin("reload").exit_code == 0);
  client.send("GET /nothing HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
  CHECK(parsed(client.receive().body)["status"] == 404);
  client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
  CHECK(client.receive().status == 200);
  client.send("TRACE /t HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nCookie: secret\r\n\r\n");
  CHECK(client.receive().body == "TRACE /t HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
}

TEST_CASE("the access log has a line for each request, with the reason, and follows a rename and a reload") {
  const DemoApp app;
  TempDir logs;
  const std::string path = logs.path("access.log");
  const auto config = [&](const std::string& format) {
    return "[server.access_log]\npath = \"" + path + "\"\nformat = \"" + format + "\"\n\n" +
           Proxy::pool({&app}) + "[[route]]\npath = \"/hello\"\npool = \"shop\"\n";
  };
  Proxy proxy(config("json"));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto reasons = [](const std::string& text) {
    std::string all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      all += parsed(line)["reason"].get<std::string>() + " ";
    }
    return all;
  };
  RawClient client(proxy.port());
  CHECK(client.get("/hello").ok());
  CHECK(client.get("/elsewhere").status == 404);
  client.send("nonsense\r\n\r\n");
  CHECK(client.receive().status == 400);
  CHECK(eventually([&] { return reasons(read_file(path)) == "ok no_route bad_request "; }));
  const auto first = parsed(read_file(path).substr(0, read_file(path).find('\n')));
  CHECK(first["request"] == "GET /hello HTTP/1.1");
  CHECK(first["backend"] == app.address());
  CHECK(first["sent"] == 13);
  CHECK(first["client"] == "127.0.0.1");
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) CHECK(parsed(line)["listener"] == "web");

  REQUIRE(std::rename(path.c_str(), (path + ".1").c_str()) == 0);
  proxy.process().send_signal(SIGUSR1);
  CHECK(eventually([&] {
    RawClient again(proxy.port());
    again.get("/hello");
    return !read_file(path).empty();
  }));
  RawClient stays(proxy.port());
  CHECK(stays.get("/hello").ok());
  proxy.write_config(config("combined"));
  std::string file = read_file(proxy.config_path());
  write_file(proxy.config_path(), file.replace(file.find("\"web\""), 5, "\"renamed\""));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(eventually([&] {
    CHECK(stays.get("/hello").ok());
    const std::string log = read_file(path);
    return log.find("\"GET /hello HTTP/1.1\" 200 13 \"-\" \"-\" reason=ok pool=shop") != std::string::npos &&
           log.find(" listener=renamed ") != std::string::npos;
  }));
}

}  // namespace
}  // namespace sluice::e2e
