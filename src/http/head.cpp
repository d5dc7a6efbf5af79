#include <sluice/base/text.h>
#include <sluice/http/head.h>

#include <algorithm>
#include <optional>

namespace sluice::http {

void Head::clear_head() {
  clear_fields();
  protocol = Protocol::http1_1;
  framing = {};
  keep_alive = connection_names_fields = false;
}

namespace {

/// An absolute-form target's authority and what follows it; nothing for the other forms and other schemes
/// (RFC 9112 3.2.2).
struct Absolute {
  std::string_view scheme;  // in lower case
  std::string_view authority;
  std::string_view rest;
};

std::optional<Absolute> absolute_form(std::string_view target) {
  if (target.starts_with('/')) return std::nullopt;
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto given = target.substr(0, scheme_end);
  const std::string_view scheme = equals_ignoring_case(given, "https") ? "https" : "http";
  if (!equals_ignoring_case(given, scheme)) return std::nullopt;
  target.remove_prefix(scheme_end + 3);
  const auto end = std::min(target.find_first_of("/?"), target.size());
  return Absolute{.scheme = scheme, .authority = target.substr(0, end), .rest = target.substr(end)};
}

}  // namespace

std::string_view RequestHead::path() const {
  std::string_view path = target();
  if (is_origin_form()) return path.substr(0, path.find('?'));
  if (const auto absolute = absolute_form(path))
    path = absolute->rest.starts_with('/') ? absolute->rest : "/";
  return path.substr(0, path.find('?'));
}

std::string_view RequestHead::scheme() const {
  if (scheme_ != Scheme::unknown) return scheme_ == Scheme::https ? "https" : "http";
  const auto absolute = absolute_form(target());
  return absolute ? absolute->scheme : std::string_view();
}

std::string_view RequestHead::host() const {
  if (is_origin_form()) return find(FieldName::host);
  if (const auto absolute = absolute_form(target())) return absolute->authority;
  return find(FieldName::host);
}

std::string RequestHead::origin_target() const {
  const auto absolute = absolute_form(target());
  if (!absolute) return std::string(target());
  if (absolute->rest.starts_with('/')) return std::string(absolute->rest);
  if (is_about_server()) return "*";
  return concat({"/", absolute->rest});
}

bool RequestHead::is_absolute_form() const {
  return !is_origin_form() && absolute_form(target()).has_value();
}

bool RequestHead::is_about_server() const {
  if (method() != "OPTIONS") return false;
  const auto absolute = absolute_form(target());
  return absolute ? absolute->rest.empty() : target() == "*";
}

bool RequestHead::is_idempotent() const {
  const auto method_name = method();
  for (const std::string_view idempotent : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    if (method_name == idempotent) return true;
  }
  return false;
}

void RequestHead::clear() {
  clear_head();
  expects_continue = false;
  method_size_ = target_begin_ = target_size_ = 0;
  scheme_ = Scheme::unknown;
}

void ResponseHead::clear() {
  clear_head();
  status = 0;
  reason_begin_ = reason_size_ = 0;
}

}  // namespace sluice::http
