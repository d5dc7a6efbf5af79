#include <sluice/base/text.h>
#include <sluice/http/head.h>

#include <algorithm>
#include <array>
#include <optional>

namespace sluice::http {
namespace {

constexpr size_t kMostBytesKept = size_t{4} * 1024;
constexpr size_t kMostFieldsKept = 64;

struct Known {
  std::string_view text;
  FieldName name;
};

/// By length.
constexpr std::array kKnown = {
    Known{"te", FieldName::te},
    Known{"via", FieldName::via},
    Known{"date", FieldName::date},
    Known{"host", FieldName::host},
    Known{"expect", FieldName::expect},
    Known{"trailer", FieldName::trailer},
    Known{"upgrade", FieldName::upgrade},
    Known{"forwarded", FieldName::forwarded},
    Known{"connection", FieldName::connection},
    Known{"keep-alive", FieldName::keep_alive},
    Known{"max-forwards", FieldName::max_forwards},
    Known{"x-request-id", FieldName::x_request_id},
    Known{"authorization", FieldName::authorization},
    Known{"content-length", FieldName::content_length},
    Known{"x-forwarded-for", FieldName::x_forwarded_for},
    Known{"proxy-connection", FieldName::proxy_connection},
    Known{"www-authenticate", FieldName::www_authenticate},
    Known{"x-forwarded-host", FieldName::x_forwarded_host},
    Known{"x-forwarded-port", FieldName::x_forwarded_port},
    Known{"transfer-encoding", FieldName::transfer_encoding},
    Known{"x-forwarded-proto", FieldName::x_forwarded_proto},
    Known{"proxy-authenticate", FieldName::proxy_authenticate},
    Known{"proxy-authorization", FieldName::proxy_authorization},
};
constexpr size_t kLongest = kKnown.back().text.size();

/// Where the names of each length begin in kKnown.
constexpr auto kOfLength = [] {
  std::array<uint8_t, kLongest + 2> begins{};
  for (size_t length = 0; length < begins.size(); ++length) {
    const auto is_shorter = [&](const Known& known) { return known.text.size() < length; };
    begins[length] = static_cast<uint8_t>(std::ranges::count_if(kKnown, is_shorter));
  }
  return begins;
}();
static_assert(std::ranges::is_sorted(kKnown, {}, [](const Known& known) { return known.text.size(); }));

}  // namespace

FieldName field_name(std::string_view name) {
  if (name.empty() || name.size() > kLongest) return FieldName::other;
  // Length and first letter rule nearly all names out before any comparison.
  const char first = ascii_lower(name.front());
  for (size_t i = kOfLength[name.size()]; i < kOfLength[name.size() + 1]; ++i) {
    if (kKnown[i].text.front() == first && equals_lower(kKnown[i].text, name)) return kKnown[i].name;
  }
  return FieldName::other;
}

std::string_view Head::find(FieldName wanted) const {
  if (!has(wanted)) return {};
  for (const Field& field : fields_) {
    if (field.name == wanted) return value(field);
  }
  return {};
}

size_t Head::count(FieldName wanted) const {
  if (!has(wanted)) return 0;
  size_t count = 0;
  for (const Field& field : fields_) count += field.name == wanted ? 1 : 0;
  return count;
}

void Head::clear_head() {
  bytes_.clear();
  fields_.clear();
  present_ = 0;
  // The room for a usual head is kept for the next one; that of a monster would be held for ever.
  if (bytes_.capacity() > kMostBytesKept) bytes_.shrink_to_fit();
  if (fields_.capacity() > kMostFieldsKept) fields_.shrink_to_fit();
  version = {};
  framing = {};
  keep_alive = connection_names_fields = false;
}

namespace {

/// An absolute-form target's authority and what follows it; nothing for the other forms and other schemes
/// (RFC 9112 3.2.2).
struct Absolute {
  std::string_view authority;
  std::string_view rest;
};

std::optional<Absolute> absolute_form(std::string_view target) {
  if (target.starts_with('/')) return std::nullopt;
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto scheme = target.substr(0, scheme_end);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return std::nullopt;
  target.remove_prefix(scheme_end + 3);
  const auto end = std::min(target.find_first_of("/?"), target.size());
  return Absolute{target.substr(0, end), target.substr(end)};
}

}  // namespace

std::string_view RequestHead::path() const {
  std::string_view path = target();
  if (is_origin_form()) return path.substr(0, path.find('?'));
  if (const auto absolute = absolute_form(path))
    path = absolute->rest.starts_with('/') ? absolute->rest : "/";
  return path.substr(0, path.find('?'));
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
  method_size = target_begin = target_size = 0;
}

void ResponseHead::clear() {
  clear_head();
  status = 0;
  reason_begin = reason_size = 0;
}

}  // namespace sluice::http
