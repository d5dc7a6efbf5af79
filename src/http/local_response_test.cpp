// Sluice's own answers: whole, and in words that the client takes.
#include <sluice/http/forwarding.h>

#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

TEST_CASE("an answer of our own is whole, and says what happened") {
  const FieldList later{{"Retry-After", "1"}};
  CHECK(local_response({.status = 503, .explanation = "no backend is available", .extra_fields = &later},
                       {.close = true})
            .bytes ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 49\r\nConnection: "
        "close\r\n"
        "Retry-After: 1\r\n\r\n503 Service Unavailable: no backend is available\n");
  CHECK(local_response({.status = 404, .explanation = "x"}, {.to_head = true}).bytes.ends_with("\r\n\r\n"));
}

TEST_CASE("an answer has the body it is given, or one in JSON, or none where there can be none") {
  CHECK(local_response({.status = 200, .content_type = "text/html", .body = "<p>", .has_body = true},
                       {.say_keep_alive = true})
            .bytes ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: "
        "keep-alive\r\n\r\n<p>");
  CHECK(local_response({.status = 404, .explanation = "say \"x\"\n"}, {.as_json = true})
            .bytes.ends_with(
                "{\"status\":404,\"error\":\"Not Found\",\"message\":\"say \\\"x\\\"\\u000a\"}\n"));
  CHECK(local_response({.status = 204, .has_body = true}, {}).bytes == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("the content's size is that of the bytes behind the head") {
  const auto check = [](const LocalResponse& response, const LocalResponseForwarding& forwarding,
                        bool is_empty) {
    const LocalResponseBytes own = local_response(response, forwarding);
    CHECK(own.content_size == own.bytes.size() - own.bytes.find("\r\n\r\n") - 4);
    CHECK((own.content_size == 0) == is_empty);
  };
  check({.status = 404, .explanation = "x"}, {}, false);
  check({.status = 404, .explanation = "x"}, {.as_json = true}, false);
  check({.status = 200, .body = "page", .has_body = true}, {}, false);
  check({.status = 404, .explanation = "x"}, {.to_head = true}, true);
  check({.status = 204, .body = "page", .has_body = true}, {}, true);
  check({.status = 304, .explanation = "x"}, {}, true);
}

TEST_CASE("JSON is for those who would rather have it") {
  const auto json = [](const std::string& fields) {
    RequestHead head;
    REQUIRE(decode_request("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head).error == "");
    return prefers_json(head);
  };
  CHECK(json("Accept: application/json\r\n"));
  CHECK(json("accept: text/html;q=0.5, application/problem+json;q=0.9\r\n"));
  CHECK_FALSE(json(""));
  CHECK_FALSE(json("Accept: */*\r\n"));
  CHECK_FALSE(json("Accept: text/html, application/json;q=0.9\r\n"));
  CHECK_FALSE(json("Accept: application/json;q=0\r\n"));
  CHECK_FALSE(json("Accept: application/json, */*\r\n"));
}

TEST_CASE("statuses have their registered phrases") {
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(799) == "Unknown");
}

}  // namespace
}  // namespace sluice::http
