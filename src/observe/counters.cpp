#include <sluice/observe/counters.h>

namespace sluice::observe {

std::string_view name(Disposition disposition) {
  switch (disposition) {
    case Disposition::ok:
      return "ok";
    case Disposition::backend_error:
      return "backend_error";
    case Disposition::client_abort:
      return "client_abort";
    case Disposition::failed_no_route:
      return "no_route";
    case Disposition::failed_unavailable:
      return "unavailable";
    case Disposition::failed_bad_request:
      return "bad_request";
    case Disposition::failed_client_timeout:
      return "client_timeout";
    case Disposition::failed_stopped:
      return "stopped";
  }
  return "unknown";
}

bool is_failed(Disposition disposition) {
  return disposition >= Disposition::failed_no_route;
}

}  // namespace sluice::observe
