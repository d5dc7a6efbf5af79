#include <sluice/observe/cause.h>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

TEST_CASE("every cause has a name, and whatever fails with a status says which error of RFC 9209 it is") {
  for (size_t i = 0; i < kCauses; ++i) {
    const CauseEntry& each = entry(static_cast<Cause>(i));
    CAPTURE(each.name);
    CHECK(!each.name.empty());
    CHECK((each.status == 0 || !each.error.empty()));
    CHECK((each.error.empty() || !each.details.empty()));
  }
}

TEST_CASE("a cause's disposition and status agree") {
  for (size_t i = 0; i < kCauses; ++i) {
    const CauseEntry& each = entry(static_cast<Cause>(i));
    CAPTURE(each.name);
    switch (each.disposition) {
      case Disposition::ok:
        CHECK(each.status < 300);
        break;
      case Disposition::backend_error:
        CHECK((each.status == 502 || each.status == 504));
        break;
      case Disposition::failed_unavailable:
        CHECK(each.status == 503);
        break;
      case Disposition::failed_no_route:
        CHECK(each.status == 404);
        break;
      case Disposition::failed_client_timeout:
        CHECK(each.status == 408);
        break;
      case Disposition::failed_bad_request:
        CHECK(each.status >= 400);
        break;
      case Disposition::failed_stopped:
        CHECK(each.status == 503);
        break;
      case Disposition::client_abort:
        CHECK(each.status == 0);
        break;
    }
  }
}

}  // namespace
}  // namespace sluice::observe
