#include "proxy/cause_of.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

TEST_CASE("an attempt that broke off after its head is told from one that never answered") {
  const Error reset{.code = ErrorCode::reset};
  CHECK(cause_of_attempt(reset, 0) == Cause::backend_closed);
  CHECK(cause_of_attempt(reset, 200) == Cause::backend_incomplete);
  CHECK(cause_of_attempt({.code = ErrorCode::timed_out}, 0) == Cause::backend_timeout);
  CHECK(cause_of_connect({.code = ErrorCode::timed_out}) == Cause::connect_timeout);
  CHECK(cause_of_connect({.code = ErrorCode::refused}) == Cause::connect_refused);
}

TEST_CASE("a refused request's cause is that of its status") {
  const auto of = [](int status) {
    return cause_of_refusal({.code = ErrorCode::malformed, .status = status});
  };
  for (const int status : {413, 414, 417, 429, 431, 501, 505}) CHECK(entry(of(status)).status == status);
  CHECK(of(408) == Cause::client_timeout);
  CHECK(of(400) == Cause::bad_request);
  CHECK(cause_of_refusal({.code = ErrorCode::timed_out}) == Cause::client_timeout);
}

TEST_CASE("a request that waited in vain waited for a backend, or for a pool that is gone") {
  CHECK(cause_of_queue({.code = ErrorCode::not_found}) == Cause::pool_gone);
  CHECK(cause_of_queue({.code = ErrorCode::timed_out}) == Cause::queue_timeout);
}

}  // namespace
}  // namespace sluice::proxy
