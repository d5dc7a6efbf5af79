// Sluice's own answers, without a socket.
#include "proxy/local_reply.h"

#include <sluice/http/head_decoder.h>

#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

/// Of its head.
std::unique_ptr<http::RequestHead> request(const std::string& head) {
  auto decoded = std::make_unique<http::RequestHead>();
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  const auto progress = decoder.decode(head, *decoded);
  REQUIRE((progress && progress->complete));
  return decoded;
}

std::string redirected(const std::string& to, const std::string& head) {
  const auto reply = redirect_reply({}, {.to = to}, {}, *request(head));
  if (!reply) return "nowhere";
  const http::Field& first = reply->fields.fields().front();
  REQUIRE(reply->fields.name(first) == "Location");
  return std::string(reply->fields.value(first));
}

TEST_CASE("a redirect leads to what was asked for, elsewhere") {
  const std::string to = "https://{host}{target}";
  CHECK(redirected(to, "GET /a?b HTTP/1.1\r\nHost: shop:8080\r\n\r\n") == "https://shop/a?b");
  CHECK(redirected(to, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") == "https://[::1]/");
  CHECK(redirected(to, "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n") == "https://[::1]/");
  CHECK(redirected(to, "GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n") == "https://other/x");
  CHECK(redirected(to, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") == "https://h/");
  CHECK(redirected("/new", "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == "/new");
}

TEST_CASE("a redirect that names the host leads nowhere for a request that has none") {
  CHECK(redirected("https://{host}/", "GET / HTTP/1.0\r\n\r\n") == "nowhere");
  CHECK(redirected("/new", "GET / HTTP/1.0\r\n\r\n") == "/new");
}

TEST_CASE("a redirect has its status, the route's own fields, and a word on why") {
  const auto head = request("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto reply = redirect_reply({}, {.to = "/new", .status = 301}, {{"X-Own", "1"}}, *head);
  REQUIRE(reply);
  CHECK(reply->cause == Cause::redirect);
  CHECK(reply->response().status == 301);
  CHECK(reply->response().extra_fields->lines().starts_with("Location: /new\r\nX-Own: 1\r\n"));
  CHECK(reply->response().explanation == "the resource is elsewhere");
  CHECK_FALSE(reply->response().has_body);
}

TEST_CASE("a route's own response is as the configuration has it, also when its body is empty") {
  config::FixedResponse fixed{.status = 200, .body = "ok", .content_type = "text/x"};
  const LocalReply reply = fixed_reply({}, fixed, {{"X-Own", "1"}});
  CHECK(reply.cause == Cause::fixed_response);
  CHECK(reply.response().extra_fields->lines().starts_with("X-Own: 1\r\n"));
  CHECK(reply.response().content_type == "text/x");
  CHECK(reply.response().body == "ok");
  fixed.body.clear();
  CHECK(fixed_reply({}, fixed, {}).response().has_body);
  CHECK(fixed_reply({}, fixed, {}).response().body.empty());
}

TEST_CASE("a 503 of a route does not say when to come again: that is for the errors") {
  const config::FixedResponse closed{.status = 503, .body = "closed", .content_type = "text/plain"};
  CHECK(fixed_reply({}, closed, {}).fields.lines().find("Retry-After") == std::string_view::npos);
}

TEST_CASE("TRACE is answered with the request, OPTIONS with nothing") {
  const LocalReply trace =
      max_forwards_reply({}, *request("TRACE /a HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n"));
  CHECK(trace.cause == Cause::max_forwards);
  CHECK(trace.response().status == 200);
  CHECK(trace.response().content_type == "message/http");
  CHECK(trace.response().body.starts_with("TRACE /a HTTP/1.1\r\n"));
  const LocalReply options =
      max_forwards_reply({}, *request("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n"));
  CHECK(options.response().has_body);
  CHECK(options.response().body.empty());
  CHECK(options.response().content_type.empty());
}

TEST_CASE("an error has the page that there is for it, and 503 says when to come again") {
  config::Config config;
  config.errors[503] = std::make_shared<config::ErrorPage>(
      config::ErrorPage{.path = {}, .content_type = "text/html", .body = "<p>"});
  const LocalReply full = error_reply(config, {.cause = Cause::queue_full, .details = "why"}, "id-1");
  CHECK(full.fields.lines().starts_with(
      "Retry-After: 1\r\nX-Request-Id: id-1\r\nProxy-Status: sluice; error="));
  CHECK(full.response().status == 503);
  CHECK(full.response().has_body);
  CHECK(full.response().content_type == "text/html");
  CHECK(full.response().body == "<p>");
  const LocalReply closed = error_reply(config, {.cause = Cause::backend_closed, .details = "why"});
  CHECK(closed.fields.lines().starts_with("Proxy-Status: "));
  CHECK_FALSE(closed.response().has_body);
  CHECK(closed.response().explanation == "why");
}

TEST_CASE("every cause that has a status has an answer that says something") {
  for (size_t i = 0; i < observe::kCauses; ++i) {
    const observe::CauseEntry& each = entry(static_cast<Cause>(i));
    if (each.status == 0) continue;
    const LocalReply reply = error_reply({}, {.cause = each.cause});
    CHECK(reply.cause == each.cause);
    CHECK(reply.status == each.status);
    CHECK_FALSE(reply.explanation.empty());
    CHECK((reply.fields.lines().find("Retry-After: ") != std::string_view::npos) == (each.status == 503));
  }
}

TEST_CASE("an answer that moves keeps what was made for it") {
  LocalReply first =
      max_forwards_reply({}, *request("TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n"));
  const std::string body(first.response().body);
  const LocalReply second = std::move(first);
  CHECK(second.response().body == body);
}

}  // namespace
}  // namespace sluice::proxy
