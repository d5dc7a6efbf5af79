#include "proxy/local_reply.h"

#include <sluice/base/text.h>
#include <sluice/http/lookup.h>
#include <sluice/http/max_forwards.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

/// {host} is the request's host without its port, {target} what it asked for.
std::string location(const config::Redirect& redirect, const http::RequestHead& request) {
  std::string location;
  std::string_view left = redirect.to;
  while (!left.empty()) {
    if (left.starts_with("{host}")) {
      location += http::without_port(request.host());
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

}  // namespace

http::LocalResponse LocalReply::response() const {
  return {.status = status,
          .explanation = explanation,
          .extra_fields = &fields,
          .content_type = content_type,
          .body = content.empty() ? page : std::string_view(content),
          .has_body = has_body};
}

LocalReply max_forwards_reply(const config::Config& config, const http::RequestHead& request) {
  LocalReply reply{.cause = Cause::max_forwards, .status = 200, .has_body = true};
  reply.fields.add(kProxyStatus, proxy_status(config.proxy_status, {.cause = Cause::max_forwards}));
  if (request.method() == "TRACE") {
    reply.content = http::trace_content(request);
    reply.content_type = "message/http";
  }
  return reply;
}

std::optional<LocalReply> redirect_reply(const config::Config& config, const config::Redirect& redirect,
                                         const http::FieldList& added, const http::RequestHead& request) {
  const bool needs_host = redirect.to.find("{host}") != std::string::npos;
  if (needs_host && request.host().empty()) return {};
  LocalReply reply{
      .cause = Cause::redirect, .status = redirect.status, .explanation = "the resource is elsewhere"};
  reply.fields.add("Location", location(redirect, request));
  reply.fields.add(added);
  reply.fields.add(kProxyStatus, proxy_status(config.proxy_status, {.cause = Cause::redirect}));
  return reply;
}

LocalReply fixed_reply(const config::Config& config, const config::FixedResponse& fixed,
                       const http::FieldList& added) {
  LocalReply reply{.cause = Cause::fixed_response,
                   .status = fixed.status,
                   .fields = added,
                   .content_type = fixed.content_type,
                   .page = fixed.body,
                   .has_body = true};
  reply.fields.add(kProxyStatus, proxy_status(config.proxy_status, {.cause = Cause::fixed_response}));
  return reply;
}

LocalReply error_reply(const config::Config& config, const StatusFacts& facts, std::string_view request_id) {
  const observe::CauseEntry& known = entry(facts.cause);
  LocalReply reply{.cause = facts.cause,
                   .status = known.status,
                   .explanation = facts.details.empty() ? known.details : facts.details};
  if (known.status == 503) reply.fields.add("Retry-After", "1");
  if (!request_id.empty()) reply.fields.add("X-Request-Id", request_id);
  reply.fields.add(kProxyStatus, proxy_status(config.proxy_status, facts));
  const auto page = config.errors.find(known.status);
  if (page != config.errors.end()) {
    reply.content_type = page->second->content_type;
    reply.page = page->second->body;
    reply.has_body = true;
  }
  return reply;
}

}  // namespace sluice::proxy
