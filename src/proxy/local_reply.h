// The answers that Sluice gives itself. Pure: what to send, and the cause that it is counted under.
#pragma once

#include <sluice/config/config.h>
#include <sluice/http/forwarding.h>
#include <sluice/observe/cause.h>

#include <optional>
#include <string>
#include <string_view>

#include "proxy/proxy_status.h"

namespace sluice::proxy {

/// One answer. Owns what is made for it, and borrows the rest from the configuration and from what it was
/// made of.
struct LocalReply {
  observe::Cause cause = observe::Cause::ok;
  int status = 500;
  http::FieldList fields{};
  std::string_view explanation{};   ///< for the short body of a status
  std::string_view content_type{};  ///< of the body, when it has one of its own
  std::string content{};            ///< a body that was made for it
  std::string_view page{};          ///< or one of the configuration
  bool has_body = false;            ///< of its own, even an empty one; else the short body

  /// For ServerStream::send_reply(); borrows this.
  http::LocalResponse response() const;
};

/// For a TRACE or OPTIONS that is to go no further (RFC 9110 7.6.2).
LocalReply max_forwards_reply(const config::Config& config, const http::RequestHead& request);

/// `added`: the route's own fields. Nothing when the target needs a host, and the request has
/// none.
std::optional<LocalReply> redirect_reply(const config::Config& config, const config::Redirect& redirect,
                                         const http::FieldList& added, const http::RequestHead& request);

/// What a route answers by itself.
LocalReply fixed_reply(const config::Config& config, const config::FixedResponse& fixed,
                       const http::FieldList& added);

/// An error: the page that the configuration has for the cause's status, or the short text with the details
/// (the cause's own when `facts` has none). `request_id`: empty when it has none. With 503 it says when to
/// come again.
LocalReply error_reply(const config::Config& config, const StatusFacts& facts,
                       std::string_view request_id = {});

}  // namespace sluice::proxy
