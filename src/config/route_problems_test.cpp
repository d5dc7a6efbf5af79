// Every mistake in a route has one message: its place, its key, what was expected and what was found.
#include "config/test_tools.h"

namespace sluice::config {
namespace {

TEST_CASE("mistakes in [[route]]") {
  constexpr std::string_view kHost =
      "route[0].host: expected a host name such as \"shop.example\" or \"*.example\", without a port";
  for (const std::string host :
       {"", "*", "*.", "a.*", "shop:80", "a..b", ".a", "a.", "[::1", "[::1]:80", "a b"}) {
    CAPTURE(host);
    CHECK(problem_of("[[route]]\nhost = \"" + host + "\"\npool = \"shop\"\n" + std::string(kSmallest)) ==
          "s.toml:2:8: " + std::string(kHost));
  }
  check("[[route]]",
        {{"pool = \"shop\"\nhost = 1", "3:8: route[0].host: expected a string, got an integer"},
         {"pool = \"shop\"\npath = \"api\"",
          "3:8: route[0].path: expected a path that begins with \"/\", without spaces, \"?\" and \"#\", got "
          "\"api\""},
         {"pool = \"shop\"\nstrip_path = \"yes\"",
          "3:14: route[0].strip_path: expected true or false, got a string"},
         {"path = \"/\"",
          "1:1: route[0].pool: missing: expected the name of a pool, or redirect or respond instead"},
         {"pool = false",
          "2:8: route[0].pool: expected the name of a pool, or pools with their parts such as { blue = 90, "
          "green = 10 }, got a boolean"},
         {"pool = \"sohp\"", "2:8: route[0].pool: there is no [pool.sohp], did you mean \"shop\"?"},
         {"pool = \"elsewhere\"", "2:8: route[0].pool: there is no [pool.elsewhere]"},
         {"pool = \"shop\"\n[[route]]\npool = \"shop\"",
          "3:1: route[1].path: another route has the same host and path already"},
         {"pool = \"shop\"\npath = \"/a\"\n[[route]]\npool = \"shop\"\npath = \"/a/\"",
          "6:8: route[1].path: another route has the same host and path already"},
         {"pool = \"shop\"\npath = \"/a\"\n[[route]]\npool = \"shop\"\npath = \"//x/../%61/\"",
          "6:8: route[1].path: another route has the same host and path already"},
         {"pool = \"shop\"\npath_match = \"exact\"",
          "3:14: route[0].path_match: expected one of \"normalised\", \"raw\", got \"exact\""}},
        kSmallest);
}

TEST_CASE("a route has exactly one of pool, redirect and respond") {
  check("[[route]]",
        {{"path = \"/\"",
          "1:1: route[0].pool: missing: expected the name of a pool, or redirect or respond instead"},
         {"pool = \"shop\"\nredirect = { to = \"/a\" }",
          "3:12: route[0].redirect: not together with pool: a route has one of pool, redirect, respond"},
         {"respond = {}\nredirect = { to = \"/a\" }",
          "2:11: route[0].respond: not together with redirect: a route has one of pool, redirect, respond"}},
        kSmallest);
}

TEST_CASE("what is about the way to a backend is refused where there is none") {
  for (const std::string key : {"strip_path = true", "rewrite_path = \"/a\"", "rewrite_host = \"a\"",
                                "upgrade = []", "request_fields = {}"}) {
    CAPTURE(key);
    const std::string name = key.substr(0, key.find(' '));
    const std::string place = "s.toml:3:" + std::to_string(name.size() + 4) + ": route[0]." + name;
    CHECK(problem_of("[[route]]\nrespond = {}\n" + key + "\n" + std::string(kSmallest)) ==
          place + ": only together with pool: respond asks no backend");
    CHECK(problem_of("[[route]]\nredirect = { to = \"/\" }\n" + key + "\n" + std::string(kSmallest)) ==
          place + ": only together with pool: redirect asks no backend");
  }
}

TEST_CASE("mistakes in what a route rewrites") {
  check("[[route]]\npool = \"shop\"",
        {{"rewrite_path = \"v2\"",
          "3:16: route[0].rewrite_path: expected a path that begins with \"/\", of visible ASCII without "
          "\"?\" and \"#\", got \"v2\""},
         {"rewrite_path = \"/a b\"",
          "3:16: route[0].rewrite_path: expected a path that begins with \"/\", of visible ASCII without "
          "\"?\" and \"#\", got \"/a b\""},
         {"rewrite_path = \"/v2\"\nstrip_path = true",
          "3:16: route[0].rewrite_path: not together with strip_path, which takes the prefix away"},
         {"rewrite_host = \"http://a\"",
          "3:16: route[0].rewrite_host: expected a host, with or without a port, such as "
          "\"internal.example:8080\", got \"http://a\""},
         {"rewrite_host = \"\"",
          "3:16: route[0].rewrite_host: expected a host, with or without a port, such as "
          "\"internal.example:8080\", got \"\""}},
        kSmallest);
}

TEST_CASE("a protocol that carries requests past the proxy cannot be switched to") {
  for (const std::string protocol : {"h2c", "H2C", "TLS/1.2", "http/2.0", "h2", "tls"}) {
    CAPTURE(protocol);
    CHECK(problem_of("[[route]]\npool = \"shop\"\nupgrade = [\"" + protocol + "\"]\n" +
                     std::string(kSmallest)) ==
          "s.toml:3:12: route[0].upgrade[0]: \"" + to_lower(protocol) +
              "\" cannot be allowed: the requests in it would get past Sluice unseen");
  }
  check("[[route]]\npool = \"shop\"",
        {{"upgrade = \"websocket\"", "3:11: route[0].upgrade: expected an array of protocols, got a string"},
         {"upgrade = [\"irc/6.9\", 1]", "3:23: route[0].upgrade[1]: expected a string, got an integer"},
         {"upgrade = [\"web socket\"]",
          "3:12: route[0].upgrade[0]: expected a protocol such as \"websocket\", got \"web socket\""},
         {"upgrade = [\"websocket/\"]",
          "3:12: route[0].upgrade[0]: expected a protocol such as \"websocket\", got \"websocket/\""},
         {"upgrade = [\"websocket\", \"WebSocket\"]",
          "3:25: route[0].upgrade[1]: \"websocket\" is named already"}},
        kSmallest);
}

TEST_CASE("mistakes in the fields that a route edits") {
  check("[[route]]\npool = \"shop\"",
        {{"request_fields = []", "3:18: route[0].request_fields: expected a table, got an array"},
         {"request_fields = { sett = {} }",
          "3:20: route[0].request_fields.sett: unknown key, did you mean \"set\"?"},
         {"request_fields = { set = { \"X Y\" = \"a\" } }",
          "3:28: route[0].request_fields.set.X Y: expected the name of a field, such as \"X-Env\", got \"X "
          "Y\""},
         {"response_fields = { add = { \"\" = \"a\" } }",
          "3:29: route[0].response_fields.add.: expected the name of a field, such as \"X-Env\", got \"\""},
         {"request_fields = { set = { A = 1 } }",
          "3:32: route[0].request_fields.set.A: expected a string, got an integer"},
         {"request_fields = { set = { A = [\"1\"] } }",
          "3:32: route[0].request_fields.set.A: expected a string, got an array"},
         {"request_fields = { set = { A = \"a\\r\\nB: b\" } }",
          "3:32: route[0].request_fields.set.A: expected a string without control characters"},
         {"request_fields = { add = { A = [\"1\", \"\\u0000\"] } }",
          "3:38: route[0].request_fields.add.A: expected a string without control characters"},
         {"request_fields = { set = { X-A = \"1\", x-a = \"2\" } }",
          "3:39: route[0].request_fields.set.x-a: is set already; \"add\" takes an array of values"},
         {"request_fields = { remove = \"Cookie\" }",
          "3:29: route[0].request_fields.remove: expected an array of names of fields, got a string"},
         {"request_fields = { remove = [\"Cookie\", \"a:b\"] }",
          "3:40: route[0].request_fields.remove[1]: expected the name of a field, such as \"X-Env\", got "
          "\"a:b\""}},
        kSmallest);
}

TEST_CASE("fields that frame a message or belong to a connection cannot be edited") {
  const std::vector<Mistake> refused = {
      {"HOST", "Host cannot be edited: use rewrite_host"},
      {"upgrade", "Upgrade cannot be edited: use upgrade"},
      {"content-length", "Content-Length cannot be edited: Sluice alone says where a message ends"},
      {"Transfer-Encoding", "Transfer-Encoding cannot be edited: Sluice alone says where a message ends"},
      {"Trailer", "Trailer cannot be edited: Sluice alone says where a message ends"},
      {"connection", "Connection cannot be edited: it belongs to one connection, and each side has its own"},
      {"Keep-Alive", "Keep-Alive cannot be edited: it belongs to one connection, and each side has its own"},
      {"proxy-connection",
       "Proxy-Connection cannot be edited: it belongs to one connection, and each side has its own"},
      {"te", "TE cannot be edited: it belongs to one connection, and each side has its own"},
      {"Via", "Via cannot be edited: Sluice adds itself to it (forwarding.via), and hides no other proxy"},
      {"Expect", "Expect cannot be edited: Sluice acts on it itself"},
      {"Max-Forwards", "Max-Forwards cannot be edited: Sluice acts on it itself"}};
  for (const auto& [name, problem] : refused) {
    CAPTURE(name);
    const std::string key(name);
    const auto problem_in = [&](const std::string& edits) {
      return problem_of("[[route]]\npool = \"shop\"\n" + edits + "\n" + std::string(kSmallest));
    };
    CHECK(problem_in("request_fields.set." + key + " = \"a\"") ==
          "s.toml:3:20: route[0].request_fields.set." + key + ": " + std::string(problem));
    CHECK(problem_in("response_fields.add." + key + " = \"a\"") ==
          "s.toml:3:21: route[0].response_fields.add." + key + ": " + std::string(problem));
    CHECK(problem_in("request_fields.remove = [\"" + key + "\"]") ==
          "s.toml:3:26: route[0].request_fields.remove[0]: " + std::string(problem));
  }
}

TEST_CASE("mistakes in a redirect") {
  const std::string kTo =
      "expected a URL such as \"https://{host}{target}\", or a path such as \"/new{target}\"";
  check("[[route]]",
        {{"redirect = \"/a\"", "2:12: route[0].redirect: expected a table, got a string"},
         {"redirect = { status = 301 }", "2:12: route[0].redirect.to: missing: " + kTo},
         {"redirect = { to = \"/a\", status = 300 }",
          "2:34: route[0].redirect.status: expected one of 301, 302, 303, 307, 308, got 300"},
         {"redirect = { to = \"/a b\" }",
          "2:19: route[0].redirect.to: expected visible ASCII characters alone, without spaces"},
         {"redirect = { to = \"/a\\r\\n\" }",
          "2:19: route[0].redirect.to: expected a string without control characters"},
         {"redirect = { to = \"/a{path}\" }",
          "2:19: route[0].redirect.to: unknown placeholder {path}; known here: {host}, {target}"},
         {"redirect = { to = \"/a{host\" }",
          "2:19: route[0].redirect.to: \"{\" and \"}\" stand around placeholders only"},
         {"redirect = { to = \"/a}{host}\" }",
          "2:19: route[0].redirect.to: \"{\" and \"}\" stand around placeholders only"}},
        kSmallest);
}

TEST_CASE("a redirect whose host a client could choose by its target is refused") {
  for (const std::string to : {"{target}", "/{target}", "//{target}", "//a.example/", "https://{target}",
                               "https:///{target}", "a.example/", "://a", "https://", ""}) {
    CAPTURE(to);
    CHECK(problem_of("[[route]]\nredirect = { to = \"" + to + "\" }\n" + std::string(kSmallest)) ==
          "s.toml:2:19: route[0].redirect.to: expected a URL such as \"https://{host}{target}\", or a path "
          "such as \"/new{target}\", got \"" +
              to + "\"");
  }
}

TEST_CASE("mistakes in a fixed response") {
  check("[[route]]",
        {{"respond = 200", "2:11: route[0].respond: expected a table, got an integer"},
         {"respond = { status = 101 }",
          "2:22: route[0].respond.status: expected a whole number from 200 to 599, got 101"},
         {"respond = { body = 1 }", "2:20: route[0].respond.body: expected a string, got an integer"},
         {"respond = { status = 204, body = \"a\" }",
          "2:34: route[0].respond.body: a response of status 204 has no body"},
         {"respond = { content_type = \"text\" }",
          "2:28: route[0].respond.content_type: expected a media type such as \"text/html; charset=utf-8\", "
          "got \"text\""}},
        kSmallest);
  CHECK(problem_of("[[route]]\nrespond.body = \"" + std::string((1 << 20) + 1, 'a') + "\"\n" +
                   std::string(kSmallest)) ==
        "s.toml:2:16: route[0].respond.body: expected a text of at most 1MiB");
}

}  // namespace
}  // namespace sluice::config
