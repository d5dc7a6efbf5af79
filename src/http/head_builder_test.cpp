// The heads of HTTP/2's messages, held against those that HTTP/1's decoder makes of the same messages.
#include <sluice/http/forwarding.h>
#include <sluice/http/head_builder.h>
#include <sluice/http/lookup.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

template <class HeadType, class... More>
Result<void> build(HeadDecoder::Of of, const Pairs& fields, HeadType& head, bool ends_stream, More... more) {
  HeadBuilder builder(of, {.bytes = 1000, .fields = 10, .target_bytes = 100});
  for (const auto& [name, value] : fields) {
    if (auto added = builder.add(name, value); !added) return added;
  }
  return builder.finish(head, ends_stream, more...);
}

Result<void> build_request(const Pairs& fields, RequestHead& head, bool ends_stream = true) {
  return build(HeadDecoder::Of::request, fields, head, ends_stream);
}

Result<void> build_response(const Pairs& fields, ResponseHead& head, bool ends_stream = false,
                            bool to_head = false) {
  return build(HeadDecoder::Of::response, fields, head, ends_stream, to_head);
}

const Pairs kGet = {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "h"}};

/// A GET with these fields behind the others.
Pairs get_with(std::initializer_list<std::pair<std::string, std::string>> more) {
  Pairs fields = kGet;
  fields.insert(fields.end(), more);
  return fields;
}

/// 0 when it is taken.
int status_of(const Pairs& fields, bool ends_stream = true) {
  RequestHead head;
  const auto built = build_request(fields, head, ends_stream);
  return built ? 0 : built.error().status;
}

Pairs fields_of(const Head& head) {
  Pairs pairs;
  for (const Field& field : head.fields()) pairs.emplace_back(head.name(field), head.value(field));
  return pairs;
}

std::string to_backend_of(const RequestHead& head) {
  std::string out;
  const FieldEdits edits{.removed = {"x-secret"}, .added = {{"x-ours", "1"}}, .via = ""};
  write_request_head(out, head, {.client_ip = "192.0.2.7", .edits = &edits});
  return out;
}

std::string to_client_of(const ResponseHead& head) {
  std::string out;
  const FieldEdits edits{.removed = {"x-secret"}, .via = ""};
  write_response_head(out, head,
                      {.framing = framing_towards(Protocol::http1_1, head.framing), .edits = &edits});
  return out;
}

struct SameRequest {
  std::string http1;
  Pairs http2;
  bool ends_stream = true;
};

const std::vector<SameRequest> kSameRequests = {
    {"GET / HTTP/1.1\r\nhost: h\r\n\r\n", kGet},
    {"GET /a%20b?c=d HTTP/1.1\r\nhost: shop.example:8443\r\nx-secret: 1\r\na: b\r\na: c\r\nempty: \r\n\r\n",
     {{":path", "/a%20b?c=d"},
      {":authority", "shop.example:8443"},
      {":scheme", "http"},
      {":method", "GET"},
      {"x-secret", "1"},
      {"a", "b"},
      {"a", "c"},
      {"empty", ""}}},
    {"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n",
     {{":method", "OPTIONS"}, {":scheme", "https"}, {":path", "*"}, {"host", "h"}}},
    {"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n",
     {{":method", "POST"},
      {":scheme", "https"},
      {":path", "/"},
      {":authority", "h"},
      {"content-length", "5"},
      {"expect", "100-continue"}},
     false},
    {"POST / HTTP/1.1\r\nhost: h\r\ntrailer: sum\r\nte: trailers\r\nTransfer-Encoding: chunked\r\n\r\n",
     {{":method", "POST"},
      {":scheme", "https"},
      {":path", "/"},
      {":authority", "h"},
      {"trailer", "sum"},
      {"te", "trailers"}},
     false},
    {"MKCOL /x HTTP/1.1\r\nhost: h\r\nx-request-id: 7\r\nx-forwarded-for: 1.2.3.4\r\ncookie: a=1; b=2; "
     "c=3\r\n\r\n",
     {{":method", "MKCOL"},
      {":scheme", "https"},
      {":path", "/x"},
      {":authority", "h"},
      {"cookie", "a=1"},
      {"cookie", "b=2; c=3"},
      {"x-request-id", "7"},
      {"x-forwarded-for", "1.2.3.4"}}},
};

TEST_CASE("a request of HTTP/2 has the head that it would have in HTTP/1") {
  for (const SameRequest& same : kSameRequests) {
    CAPTURE(same.http1);
    RequestHead decoded;
    RequestHead built;
    REQUIRE(decode_request(same.http1, decoded).error == "");
    REQUIRE(build_request(same.http2, built, same.ends_stream));
    CHECK(built.is_whole());
    CHECK(built.method() == decoded.method());
    CHECK(built.target() == decoded.target());
    CHECK(built.path() == decoded.path());
    CHECK(built.query() == decoded.query());
    CHECK(built.host() == decoded.host());
    CHECK(built.is_about_server() == decoded.is_about_server());
    CHECK(built.expects_continue == decoded.expects_continue);
    CHECK(built.keep_alive);
    CHECK(built.framing.has_body() == decoded.framing.has_body());
    CHECK(built.framing.length == decoded.framing.length);
    CHECK(find_cookie(built, "c") == find_cookie(decoded, "c"));
    CHECK(to_backend_of(built) == to_backend_of(decoded));
    if (decoded.has(FieldName::transfer_encoding)) {
      CHECK(built.framing.kind == Framing::Kind::stream_end);
    } else {
      CHECK(fields_of(built) == fields_of(decoded));
      CHECK(built.framing.kind == decoded.framing.kind);
    }
  }
}

TEST_CASE("a head says by which protocol and scheme it came") {
  RequestHead head;
  REQUIRE(build_request(kGet, head));
  CHECK(head.protocol == Protocol::http2);
  CHECK(head.scheme() == "https");
  CHECK(head.request_line() == "GET / HTTP/2.0");
  std::string out;
  write_request_head(out, head, {.client_ip = "192.0.2.7"});
  CHECK(out.find("Via: 2.0 sluice\r\n") != std::string::npos);
  head.clear();
  REQUIRE(decode_request("GET HTTPS://h/x HTTP/1.1\r\nHost: h\r\n\r\n", head).error == "");
  CHECK(head.scheme() == "https");
  CHECK(head.protocol == Protocol::http1_1);
  head.clear();
  REQUIRE(decode_request("GET / HTTP/1.0\r\nHost: h\r\n\r\n", head).error == "");
  CHECK(head.scheme() == "");
  CHECK(head.protocol == Protocol::http1_0);
}

TEST_CASE("what would be ambiguous in HTTP/1 is refused") {
  CHECK(status_of(kGet) == 0);
  for (const auto& [name, value] : Pairs{{"A", "b"},
                                         {"a b", "c"},
                                         {"", "c"},
                                         {"a:", "c"},
                                         {"a", "b\r\nc: d"},
                                         {"a", std::string("b\0", 2)},
                                         {"a", " b"},
                                         {"a", "b\t"},
                                         {"connection", "close"},
                                         {"transfer-encoding", "chunked"},
                                         {"upgrade", "websocket"},
                                         {"keep-alive", "1"},
                                         {"proxy-connection", "close"},
                                         {"te", "gzip"},
                                         {":path", "/"},
                                         {":unknown", "x"},
                                         {"host", "other"},
                                         {"content-length", "5"},
                                         {"content-length", "x"}}) {
    CAPTURE(name);
    CAPTURE(value);
    CHECK(status_of(get_with({{name, value}})) == 400);
  }
  CHECK(status_of(get_with({{"host", "h"}})) == 0);
  CHECK(status_of(get_with({{"host", "h"}, {"host", "h"}})) == 400);
  CHECK(status_of(get_with({{"expect", "200-ok"}})) == 417);
  CHECK(status_of(get_with({{"content-length", "5"}, {"content-length", "5"}}), false) == 400);
  CHECK(status_of(get_with({{"a", "b"}, {":authority", "h"}})) == 400);
  CHECK(status_of(get_with({{"a", std::string(1000, 'x')}})) == 431);
  CHECK(status_of(get_with({{"a", ""},
                            {"b", ""},
                            {"c", ""},
                            {"d", ""},
                            {"e", ""},
                            {"f", ""},
                            {"g", ""},
                            {"h", ""},
                            {"i", ""},
                            {"j", ""},
                            {"k", ""}})) == 431);
}

TEST_CASE("each pseudo-field has to be there once, with what HTTP/1 would take") {
  for (size_t i = 0; i < kGet.size(); ++i) {
    Pairs fewer = kGet;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(status_of(fewer) == 400);
    Pairs empty = kGet;
    empty[i].second.clear();
    CHECK(status_of(empty) == 400);
    Pairs more = kGet;
    more.push_back(kGet[i]);
    CHECK(status_of(more) == 400);
  }
  const auto with = [](size_t index, const std::string& value) {
    Pairs fields = kGet;
    fields[index].second = value;
    return status_of(fields);
  };
  CHECK(with(0, "CONNECT") == 501);
  CHECK(with(0, std::string(65, 'A')) == 501);
  CHECK(with(0, "G T") == 400);
  CHECK(with(1, "ftp") == 400);
  for (const char* path : {"x", "http://h/", "*", "/a b", "/\xff", "/#"}) CHECK(with(2, path) == 400);
  CHECK(with(2, "/" + std::string(200, 'x')) == 414);
  CHECK(with(3, "a@b") == 400);
}

TEST_CASE("a response of HTTP/2 has the head that it would have in HTTP/1") {
  const std::string fields = "set-cookie: a\r\nx-secret: 1\r\nset-cookie: b\r\n";
  const Pairs same = {{"set-cookie", "a"}, {"x-secret", "1"}, {"set-cookie", "b"}};
  for (const auto& each : Pairs{{"200", ""}, {"200", "5"}, {"404", "0"}, {"304", "5"}, {"103", ""}}) {
    const std::string& status = each.first;
    const std::string& length = each.second;
    for (const bool to_head : {false, true}) {
      CAPTURE(status);
      CAPTURE(length);
      std::string text = "HTTP/1.1 " + status + " \r\n" + fields;
      Pairs pairs = {{":status", status}};
      pairs.insert(pairs.end(), same.begin(), same.end());
      if (!length.empty()) {
        text += "content-length: " + length + "\r\n";
        pairs.emplace_back("content-length", length);
      }
      ResponseHead decoded;
      ResponseHead built;
      REQUIRE(decode_response(text + "\r\n", decoded, to_head).error == "");
      REQUIRE(build_response(pairs, built, to_head && !decoded.is_interim(), to_head));
      CHECK(built.status == decoded.status);
      CHECK(built.reason() == "");
      CHECK(built.is_interim() == decoded.is_interim());
      CHECK(fields_of(built) == fields_of(decoded));
      CHECK(built.framing.has_body() == decoded.framing.has_body());
      CHECK(built.framing.length == decoded.framing.length);
      CHECK(to_client_of(built) == to_client_of(decoded));
    }
  }
}

TEST_CASE("a response whose status or body is not what it says is refused") {
  ResponseHead head;
  for (const std::string status : {"", "20", "2000", "020", "2x0"}) {
    CAPTURE(status);
    const auto built = build_response({{":status", status}}, head);
    REQUIRE_FALSE(built);
    CHECK(built.error().status == 502);
    CHECK(built.error().origin == Origin::upstream);
  }
  CHECK_FALSE(build_response({{":path", "/"}}, head));
  CHECK_FALSE(build_response({{":status", "200"}, {"content-length", "5"}}, head, true));
  CHECK_FALSE(build_response({{":status", "103"}}, head, true));
  CHECK_FALSE(build_response({{":status", "101"}}, head));
  REQUIRE(build_response({{":status", "200"}}, head));
  CHECK(head.framing.kind == Framing::Kind::stream_end);
}

TEST_CASE("a response that ends with its head has a length, so that a client of HTTP/1 waits for nothing") {
  ResponseHead head;
  REQUIRE(build_response({{":status", "200"}}, head, true));
  CHECK_FALSE(head.framing.has_body());
  CHECK(to_client_of(head).find("Content-Length: 0\r\n") != std::string::npos);
  REQUIRE(build_response({{":status", "304"}}, head, true));
  CHECK(to_client_of(head).find("Content-Length") == std::string::npos);
}

TEST_CASE("the authority is the Host, and a Host may only say the same") {
  RequestHead head;
  for (const std::string host : {"h", "H", "h:443", "h:"}) {
    REQUIRE(build_request(get_with({{"a", "b"}, {"host", host}}), head));
    CHECK(fields_of(head) == Pairs{{"host", "h"}, {"a", "b"}});
  }
  for (const std::string host : {"h:80", "h:8443", "", "h.", "other"}) {
    CHECK(status_of(get_with({{"host", host}})) == 400);
  }
  CHECK(status_of({{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", ""}}) == 400);
}

TEST_CASE("what comes of a cookie in several fields is one field") {
  RequestHead head;
  Pairs crumbs = kGet;
  for (int i = 0; i < 20; ++i) crumbs.emplace_back("cookie", "c=" + std::to_string(i));
  REQUIRE(build_request(crumbs, head));  // Ten fields are allowed.
  CHECK(head.fields().size() == 2);
  REQUIRE(build_request(get_with({{"cookie", ""}}), head));
  CHECK(fields_of(head) == Pairs{{"host", "h"}, {"cookie", ""}});
  Pairs late = kGet;
  late.insert(late.begin() + 2, {"cookie", ""});
  CHECK(status_of(late) == 400);  // A pseudo-field behind a field.
}

TEST_CASE("a TRACE has no body, whether or not it says its length") {
  Pairs trace = kGet;
  trace[0].second = "TRACE";
  CHECK(status_of(trace) == 0);
  CHECK(status_of(trace, false) == 400);
}

TEST_CASE("a trailer section has no pseudo-fields, and what may not be passed on is left out") {
  HeadBuilder builder(HeadDecoder::Of::request, {});
  FieldList trailers;
  REQUIRE(builder.add("sum", "1"));
  REQUIRE(builder.add("content-length", "5"));
  REQUIRE(builder.finish(trailers));
  CHECK(trailers.lines() == "sum: 1\r\n");
  REQUIRE(builder.finish(trailers));
  CHECK(trailers.empty());
  REQUIRE(builder.add(":path", "/"));
  CHECK_FALSE(builder.finish(trailers));
  builder.clear();
  CHECK_FALSE(builder.add("Sum", "1"));
}

TEST_CASE("errors have the codes of the same errors in HTTP/1") {
  RequestHead head;
  const auto code_of = [&](const Pairs& fields) { return build_request(fields, head).error().code; };
  CHECK(code_of({{":method", "CONNECT"}, {":scheme", "https"}, {":path", "/"}, {":authority", "h"}}) ==
        ErrorCode::unsupported);
  CHECK(code_of({{":path", "/" + std::string(2000, 'x')}}) == ErrorCode::too_large);
  CHECK(code_of(get_with({{"a", std::string(1000, 'x')}})) == ErrorCode::too_large);
  CHECK(code_of(get_with({{"A", "x"}})) == ErrorCode::malformed);
}

TEST_CASE("a builder makes one head after the other") {
  HeadBuilder builder(HeadDecoder::Of::request, {});
  RequestHead head;
  for (const std::string path : {"/1", "/2"}) {
    for (const auto& [name, value] : kGet) REQUIRE(builder.add(name, name == ":path" ? path : value));
    REQUIRE(builder.add("cookie", "c=" + path));
    REQUIRE(builder.finish(head, true));
    CHECK(head.path() == path);
    CHECK(head.fields().size() == 2);
    CHECK(find_cookie(head, "c") == path);
  }
  REQUIRE(builder.add(":method", "GET"));
  CHECK_FALSE(builder.add(":method", "GET"));
  builder.clear();
  REQUIRE(builder.add(":method", "GET"));
}

}  // namespace
}  // namespace sluice::http
