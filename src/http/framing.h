// How the end of a body is known (RFC 9112 6.3), and whether the connection lives on (9.3). Pure, over whole
// heads.
#pragma once

#include <sluice/base/result.h>
#include <sluice/base/text.h>
#include <sluice/http/head.h>

namespace sluice::http {

/// Ambiguous framing is an error, never repaired by guessing (promise 9).
Result<Framing> request_framing(const RequestHead& head);
Result<Framing> response_framing(const ResponseHead& head, bool to_head_request);

/// What Connection says (RFC 9110 7.6.1).
struct ConnectionOptions {
  bool keep_alive = false;    ///< the sender lets the connection live on after this message
  bool names_fields = false;  ///< it has options beyond close and keep-alive
};
ConnectionOptions connection_options(const Head& head);

/// Calls `each(element)` for the elements of a comma list, white space trimmed, empty ones left out.
template <class Each>
void for_each_element(std::string_view list, Each each) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto element = trim(list.substr(0, comma));
    if (!element.empty()) each(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::http
