// Sluice's own answers, and where redirects lead.
#include "proxy/answers.h"

#include <sluice/http/head_decoder.h>

#include <doctest/doctest.h>

namespace sluice::proxy {

using observe::Cause;

namespace {

std::string location(const std::string& to, const std::string& head) {
  http::RequestHead request;
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  const auto progress = decoder.decode(head, request);
  REQUIRE((progress && progress->complete));
  return redirect_location({.to = to}, request);
}

TEST_CASE("a redirect leads to what was asked for, elsewhere") {
  const std::string to = "https://{host}{target}";
  CHECK(location(to, "GET /a?b HTTP/1.1\r\nHost: shop:8080\r\n\r\n") == "https://shop/a?b");
  CHECK(location(to, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") == "https://[::1]/");
  CHECK(location(to, "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n") == "https://[::1]/");
  CHECK(location(to, "GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n") == "https://other/x");
  CHECK(location(to, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") == "https://h/");
  CHECK(location("/new", "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == "/new");
}

TEST_CASE("an error is answered by the page that there is for it, and 503 says when to come again") {
  config::Config config;
  config.errors[503] = std::make_shared<config::ErrorPage>(
      config::ErrorPage{.path = {}, .content_type = "text/html", .body = "<p>"});
  const std::string fields = answer_fields(config, {.cause = Cause::queue_full}, "id-1");
  CHECK(fields.starts_with("Retry-After: 1\r\nX-Request-Id: id-1\r\nProxy-Status: sluice; error="));
  const auto page = error_answer(config, Cause::queue_full, "why", fields);
  CHECK(page.status == 503);
  CHECK(page.has_body);
  CHECK(page.body == "<p>");
  CHECK(page.extra_fields == fields);
  CHECK_FALSE(error_answer(config, Cause::backend_closed, "why", "").has_body);
  CHECK(answer_fields(config, {.cause = Cause::backend_closed}).starts_with("Proxy-Status: "));
}

TEST_CASE("an attempt that broke off after its head is told from one that never answered") {
  const Error reset{.code = ErrorCode::reset};
  CHECK(cause_of_attempt(reset, 0) == Cause::backend_closed);
  CHECK(cause_of_attempt(reset, 200) == Cause::backend_incomplete);
  CHECK(cause_of_attempt({.code = ErrorCode::timed_out}, 0) == Cause::backend_timeout);
  CHECK(cause_of_connect({.code = ErrorCode::timed_out}) == Cause::connect_timeout);
  CHECK(cause_of_connect({.code = ErrorCode::refused}) == Cause::connect_refused);
}

}  // namespace
}  // namespace sluice::proxy
