// redirect and respond of a route: what Sluice answers itself.
#include <sluice/base/text.h>

#include <algorithm>
#include <array>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr std::array kRedirects = {301, 302, 303, 307, 308};
constexpr uint64_t kLongestOwnBody = uint64_t{1} << 20;
constexpr std::string_view kTo =
    "a URL such as \"https://{host}{target}\", or a path such as \"/new{target}\"";

/// The first thing wrong with the placeholders; empty when nothing is.
std::string placeholder_problem(std::string_view to) {
  const std::vector<std::string_view> known = {"{host}", "{target}"};
  for (auto brace = to.find_first_of("{}"); brace != std::string_view::npos; brace = to.find_first_of("{}")) {
    to.remove_prefix(brace);
    const auto end = to.find('}');
    if (end == 0 || end == std::string_view::npos) return "\"{\" and \"}\" stand around placeholders only";
    const auto placeholder = to.substr(0, end + 1);
    if (std::ranges::find(known, placeholder) == known.end()) {
      return concat({"unknown placeholder ", placeholder, "; known here: ", listed(known, "")});
    }
    to.remove_prefix(end + 1);
  }
  return {};
}

/// A target begins with "/", so what would end in "//" before it would let any client name the host to go to.
bool is_redirect_target(std::string_view to) {
  const auto scheme = to.find("://");
  if (scheme != std::string_view::npos && !to.starts_with('/')) {
    const auto host = to.substr(scheme + 3);
    return is_token(to.substr(0, scheme)) && !host.empty() && !host.starts_with('/') &&
           !host.starts_with("{target}");
  }
  return to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/{target}");
}

void parse_to(Reader& reader, std::string& to) {
  const bool is_text = reader.read("to", to);
  if (!reader.has("to")) return reader.problem("to", concat({"missing: expected ", kTo}));
  if (!is_text) return;
  if (!is_visible(to)) return reader.problem("to", "expected visible ASCII characters alone, without spaces");
  if (std::string problem = placeholder_problem(to); !problem.empty()) {
    return reader.problem("to", std::move(problem));
  }
  if (!is_redirect_target(to)) reader.expected("to", kTo, concat({"\"", to, "\""}));
}

bool has_body(int status) {
  return status != 204 && status != 205 && status != 304;  // RFC 9110 15.3.5, 15.3.6, 15.4.5
}

}  // namespace

void parse_redirect(Reader& route, std::optional<Redirect>& redirect) {
  auto reader = route.sub("redirect");
  if (!reader) return;
  redirect.emplace();
  parse_to(*reader, redirect->to);
  reader->read_number("status", redirect->status, 0, 999);
  if (std::ranges::find(kRedirects, redirect->status) == kRedirects.end()) {
    reader->expected("status", "one of 301, 302, 303, 307, 308", std::to_string(redirect->status));
  }
  reader->finish();
}

void parse_respond(Reader& route, std::optional<FixedResponse>& respond) {
  auto reader = route.sub("respond");
  if (!reader) return;
  respond.emplace();
  reader->read_number("status", respond->status, 200, 599);
  reader->read_text("body", respond->body);
  if (respond->body.size() > kLongestOwnBody) {
    reader->problem("body", concat({"expected a text of at most ", size_text(kLongestOwnBody)}));
  }
  if (!respond->body.empty() && !has_body(respond->status)) {
    reader->problem("body",
                    concat({"a response of status ", std::to_string(respond->status), " has no body"}));
  }
  reader->read("content_type", respond->content_type);
  if (!is_content_type(respond->content_type)) {
    reader->expected("content_type", "a media type such as \"text/html; charset=utf-8\"",
                     concat({"\"", respond->content_type, "\""}));
  }
  reader->finish();
}

}  // namespace sluice::config
