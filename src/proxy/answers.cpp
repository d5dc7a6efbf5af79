#include "proxy/answers.h"

namespace sluice::proxy {
namespace {

std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || host.ends_with(']')) return host;
  return host.substr(0, colon);
}

}  // namespace

http::OwnResponse error_answer(const config::Config& config, int status, std::string_view explanation) {
  http::OwnResponse answer{.status = status, .explanation = explanation};
  if (status == 503) answer.extra_fields = "Retry-After: 1\r\n";
  const auto page = config.errors.find(status);
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

std::string_view reason_for_refusal(const Error& error) {
  switch (error.status) {
    case 408:
      return "client_timeout";
    case 413:
      return "body_too_large";
    case 414:
      return "target_too_long";
    case 417:
      return "bad_expectation";
    case 429:
      return "too_many_connections";
    case 431:
      return "head_too_large";
    case 501:
      return "not_implemented";
    case 505:
      return "bad_version";
    default:
      return "bad_request";
  }
}

std::string_view reason_for_backend(const Error& error) {
  switch (error.code) {
    case ErrorCode::timed_out:
      return "backend_timeout";
    case ErrorCode::malformed:
    case ErrorCode::too_large:
      return "backend_malformed";
    case ErrorCode::refused:
      return "backend_refused";
    default:
      return "backend_closed";
  }
}

}  // namespace sluice::proxy
