#include "proxy/answers.h"

#include <sluice/base/text.h>

namespace sluice::proxy {

using observe::Cause;

namespace {

std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || host.ends_with(']')) return host;
  return host.substr(0, colon);
}

}  // namespace

std::string answer_fields(const config::Config& config, const StatusFacts& facts,
                          std::string_view request_id) {
  std::string fields;
  if (entry(facts.cause).status == 503) fields += "Retry-After: 1\r\n";
  if (!request_id.empty()) fields += concat({"X-Request-Id: ", request_id, "\r\n"});
  return fields += proxy_status_line(config.proxy_status, facts);
}

http::OwnResponse error_answer(const config::Config& config, Cause cause, std::string_view explanation,
                               std::string_view fields) {
  const observe::CauseEntry& known = entry(cause);
  if (explanation.empty()) explanation = known.details;
  http::OwnResponse answer{.status = known.status, .explanation = explanation, .extra_fields = fields};
  const auto page = config.errors.find(known.status);
  if (page != config.errors.end()) {
    answer.content_type = page->second->content_type;
    answer.body = page->second->body;
    answer.has_body = true;
  }
  return answer;
}

std::string redirect_location(const config::Redirect& redirect, const http::RequestHead& request) {
  std::string location;
  std::string_view left = redirect.to;
  while (!left.empty()) {
    if (left.starts_with("{host}")) {
      location += without_port(request.host());
      left.remove_prefix(6);
    } else if (left.starts_with("{target}")) {
      const std::string target = request.origin_target();
      location += target == "*" ? "/" : target;
      left.remove_prefix(8);
    } else {
      location += left.front();
      left.remove_prefix(1);
    }
  }
  return location;
}

Cause cause_of_refusal(const Error& error) {
  switch (error.status) {
    case 408:
      return Cause::client_timeout;
    case 413:
      return Cause::body_too_large;
    case 414:
      return Cause::target_too_long;
    case 417:
      return Cause::bad_expectation;
    case 429:
      return Cause::too_many_connections;
    case 431:
      return Cause::head_too_large;
    case 501:
      return Cause::not_implemented;
    case 505:
      return Cause::bad_version;
    default:
      return error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::bad_request;
  }
}

Cause cause_of_queue(const Error& error) {
  return error.code == ErrorCode::not_found ? Cause::pool_gone : Cause::queue_timeout;
}

Cause cause_of_connect(const Error& error) {
  if (error.code == ErrorCode::exhausted) return Cause::no_descriptors;
  return error.code == ErrorCode::timed_out ? Cause::connect_timeout : Cause::connect_refused;
}

Cause cause_of_attempt(const Error& error, int received_status) {
  switch (error.code) {
    case ErrorCode::timed_out:
      return Cause::backend_timeout;
    case ErrorCode::malformed:
      return Cause::backend_malformed;
    case ErrorCode::too_large:
      return Cause::backend_head_too_large;
    case ErrorCode::unsupported:
      return Cause::backend_upgrade;
    default:
      return received_status == 0 ? Cause::backend_closed : Cause::backend_incomplete;
  }
}

}  // namespace sluice::proxy
