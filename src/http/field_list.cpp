#include <sluice/base/check.h>
#include <sluice/base/text.h>
#include <sluice/http/field_list.h>

#include <algorithm>
#include <array>

#include "http/raw_fields.h"
#include "http/strict.h"

namespace sluice::http {
namespace {

constexpr size_t kMostBytesKept = size_t{4} * 1024;
constexpr size_t kMostFieldsKept = 64;

constexpr std::string_view kForbiddenInValues("\r\n\0", 3);
constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

uint32_t mark_of(FieldName name) {
  return uint32_t{1} << static_cast<unsigned>(name);
}

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

std::string_view Fields::find(FieldName wanted) const {
  if (!has(wanted)) return {};
  for (const Field& field : fields_) {
    if (field.name == wanted) return value(field);
  }
  return {};
}

size_t Fields::count(FieldName wanted) const {
  if (!has(wanted)) return 0;
  size_t count = 0;
  for (const Field& field : fields_) count += field.name == wanted ? 1 : 0;
  return count;
}

void Fields::clear_fields() {
  bytes_.clear();
  fields_.clear();
  present_ = 0;
  // The room for a usual head is kept for the next one; that of a monster would be held for ever.
  if (bytes_.capacity() > kMostBytesKept) bytes_.shrink_to_fit();
  if (fields_.capacity() > kMostFieldsKept) fields_.shrink_to_fit();
}

const FieldList kNoFields;

FieldList::FieldList(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) add(name, value);
}

void FieldList::add(std::string_view name, std::string_view value) {
  CHECK(is_token(name));
  CHECK(value.find_first_of(kForbiddenInValues) == std::string_view::npos);
  value = trim(value);
  FieldPlace place{.begin = static_cast<uint32_t>(bytes_.size()),
                   .name_size = static_cast<uint32_t>(name.size()),
                   .value_size = static_cast<uint32_t>(value.size())};
  bytes_.append(name).append(kColon);
  place.value_begin = static_cast<uint32_t>(bytes_.size());
  bytes_.append(value).append(kLineEnd);
  place.end = static_cast<uint32_t>(bytes_.size());
  fields_.push_back(RawFields::field(field_name(name), place));
  present_ |= mark_of(fields_.back().name);
}

void RawFields::add_line(FieldList& list, std::string_view line, size_t name_size) {
  const auto begin = static_cast<uint32_t>(list.bytes_.size());
  const auto behind_colon = line.substr(name_size + 1, line.size() - name_size - 1 - kLineEnd.size());
  const auto value = trim(behind_colon);
  const auto blanks =
      value.empty() ? behind_colon.size() : static_cast<size_t>(value.data() - behind_colon.data());
  list.bytes_.append(line);
  const FieldPlace place{.begin = begin,
                         .name_size = static_cast<uint32_t>(name_size),
                         .value_begin = begin + static_cast<uint32_t>(name_size + 1 + blanks),
                         .value_size = static_cast<uint32_t>(value.size()),
                         .end = static_cast<uint32_t>(list.bytes_.size())};
  list.fields_.push_back(field(field_name(line.substr(0, name_size)), place));
  list.present_ |= mark_of(list.fields_.back().name);
}

void FieldList::add(const FieldList& others) {
  for (const Field& field : others.fields()) {
    RawFields::add_line(*this, RawFields::line(others, field), RawFields::place(field).name_size);
  }
}

void FieldList::remove(std::string_view removed) {
  FieldList kept;
  for (const Field& field : fields()) {
    if (equals_ignoring_case(name(field), removed)) continue;
    RawFields::add_line(kept, RawFields::line(*this, field), RawFields::place(field).name_size);
  }
  *this = std::move(kept);
}

}  // namespace sluice::http
